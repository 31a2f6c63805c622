################################################################################
# Nothing is public, and the account owns every object
################################################################################

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

################################################################################
# Bucket policies: TLS only, our key only
################################################################################

locals {
  # By bucket. Allows stand first: S3 tries a policy as a whole, but people read from the top.
  policies = {
    for name, bucket in aws_s3_bucket.this : name => {
      Version = "2012-10-17"
      Statement = concat(
        name == "access-logs" ? local.delivery_statements : [],
        [
          {
            Sid       = "DenyWithoutTls"
            Effect    = "Deny"
            Principal = "*"
            Action    = "s3:*"
            Resource  = [bucket.arn, "${bucket.arn}/*"]
            Condition = { Bool = { "aws:SecureTransport" = "false" } }
          },
        ],
        # A writer that names no key gets the bucket's: `Null` leaves it alone, as a negated condition by itself is true
        # of what is missing. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
        local.keys[name] == null ? [] : [
          {
            Sid       = "DenyOtherEncryption"
            Effect    = "Deny"
            Principal = "*"
            Action    = "s3:PutObject"
            Resource  = ["${bucket.arn}/*"]
            Condition = {
              Null            = { "s3:x-amz-server-side-encryption" = "false" }
              StringNotEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
            }
          },
          {
            # Who asks for KMS and names no key gets the one that AWS keeps for S3.
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html#AmazonS3-PutObject-request-header-SSEKMSKeyId
            Sid       = "DenyKeyOfAws"
            Effect    = "Deny"
            Principal = "*"
            Action    = "s3:PutObject"
            Resource  = ["${bucket.arn}/*"]
            Condition = {
              Null = {
                "s3:x-amz-server-side-encryption"                = "false"
                "s3:x-amz-server-side-encryption-aws-kms-key-id" = "true"
              }
            }
          },
          {
            Sid       = "DenyOtherKeys"
            Effect    = "Deny"
            Principal = "*"
            Action    = "s3:PutObject"
            Resource  = ["${bucket.arn}/*"]
            Condition = {
              Null         = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
              ArnNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = local.keys[name] }
            }
          },
          {
            Sid       = "DenyKeysOfTheSender"
            Effect    = "Deny"
            Principal = "*"
            Action    = "s3:PutObject"
            Resource  = ["${bucket.arn}/*"]
            Condition = { Null = { "s3:x-amz-server-side-encryption-customer-algorithm" = "false" } }
          },
        ],
      )
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  policy = jsonencode(local.policies[each.key])

  # S3 takes one change of a bucket's access at a time, and refuses a second one meanwhile.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
