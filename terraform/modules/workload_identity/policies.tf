################################################################################
# Policies: the grants, action by action
################################################################################

locals {
  # Only buckets that are encrypted by a key of one's own need leave to use it. An upload in parts also reads it back.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
  key_actions = {
    for workload, buckets in local.grants : workload => concat(
      anytrue([for grant in values(buckets) : length(concat(grant.read, grant.write)) > 0]) ? ["kms:Decrypt"] : [],
      anytrue([for grant in values(buckets) : length(grant.write) > 0]) ? ["kms:GenerateDataKey"] : [],
    )
  }

  policies = {
    for workload, buckets in local.grants : workload => {
      Version = "2012-10-17"
      Statement = concat(
        [
          for bucket, grant in buckets : {
            Sid       = "List${title(bucket)}"
            Effect    = "Allow"
            Action    = ["s3:ListBucket"]
            Resource  = [var.buckets[bucket].arn]
            Condition = { StringLike = { "s3:prefix" = [for prefix in distinct(concat(grant.read, grant.write)) : "${prefix}*"] } }
          } if length(concat(grant.read, grant.write)) > 0
        ],
        [
          for bucket, grant in buckets : {
            Sid      = "Read${title(bucket)}"
            Effect   = "Allow"
            Action   = ["s3:GetObject"]
            Resource = [for prefix in grant.read : "${var.buckets[bucket].arn}/${prefix}*"]
          } if length(grant.read) > 0
        ],
        [
          for bucket, grant in buckets : {
            Sid      = "Write${title(bucket)}"
            Effect   = "Allow"
            Action   = ["s3:AbortMultipartUpload", "s3:PutObject"]
            Resource = [for prefix in grant.write : "${var.buckets[bucket].arn}/${prefix}*"]
          } if length(grant.write) > 0
        ],
        [
          for bucket, grant in buckets : {
            Sid      = "Delete${title(bucket)}"
            Effect   = "Allow"
            Action   = ["s3:DeleteObject"]
            Resource = [for prefix in grant.delete : "${var.buckets[bucket].arn}/${prefix}*"]
          } if length(grant.delete) > 0
        ],
        [
          for key in compact([var.kms_key_arn]) : {
            Sid      = "UseKey"
            Effect   = "Allow"
            Action   = local.key_actions[workload]
            Resource = [key]
          } if length(local.key_actions[workload]) > 0
        ],
      )
    }
  }
}
