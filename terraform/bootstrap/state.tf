################################################################################
# Buckets: the states of all roots, and who read and wrote them
################################################################################

locals {
  buckets = {
    state = local.state_bucket
    logs  = "tillstream-state-logs-${local.account.id}"
  }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:the bucket of the states is logged into the other one, which holds these logs and would log itself without end
  #checkov:skip=CKV_AWS_144:a state describes what is in this region, and is of no use without it; versions undo mistakes
  #checkov:skip=CKV2_AWS_62:nothing waits for an event of it
  #checkov:skip=CKV_AWS_145:the states are encrypted by a key of our own; to the logs S3 delivers by its own keys only
  for_each = local.buckets

  bucket = each.value

  lifecycle {
    # With it goes the knowledge of all that was made.
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    id     = "expire-old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 365
    }
  }

  rule {
    id     = "abort-unfinished-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  dynamic "rule" {
    for_each = each.key == "logs" ? [365] : []

    content {
      id     = "expire-logs"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  # Rules about old versions need versions.
  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_logging" "this" {
  bucket        = aws_s3_bucket.this["state"].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "state/"

  # S3 tries at once whether it may.
  depends_on = [aws_s3_bucket_policy.this]
}

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
# Policies: S3 writes its logs, and everything else comes by TLS
################################################################################

locals {
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
  log_statements = {
    state = []
    logs = [
      {
        Sid       = "WriteLogs"
        Effect    = "Allow"
        Principal = { Service = "logging.s3.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "${aws_s3_bucket.this["logs"].arn}/state/*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account.id }
          ArnLike      = { "aws:SourceArn" = aws_s3_bucket.this["state"].arn }
        }
      },
    ]
  }

  bucket_policies = {
    for name, bucket in aws_s3_bucket.this : name => {
      Version = "2012-10-17"
      Statement = concat(local.log_statements[name], [
        {
          Sid       = "DenyWithoutTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:*"
          Resource  = [bucket.arn, "${bucket.arn}/*"]
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
      ])
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  policy = jsonencode(local.bucket_policies[each.key])

  # S3 takes one change of a bucket's access at a time, and refuses a second one meanwhile.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

################################################################################
# Encryption
################################################################################

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    bucket_key_enabled = each.key == "state"

    # S3 delivers its logs into no bucket that is encrypted by another's key.
    apply_server_side_encryption_by_default {
      sse_algorithm     = each.key == "state" ? "aws:kms" : "AES256"
      kms_master_key_id = each.key == "state" ? aws_kms_key.this.arn : null
    }
  }
}

data "aws_partition" "this" {}

locals {
  # `Resource` is "*" in a key's policy: that means this key, and nothing else. Who of the account may use it, and for
  # which state, is a matter of IAM policies.
  # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
  key_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "UseAndAdministerByAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.this.partition}:iam::${local.account.id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
    ]
  }
}

resource "aws_kms_key" "this" {
  description             = "tillstream: states of Terraform"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = jsonencode(local.key_policy)

  lifecycle {
    # Without it no state is read again.
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "this" {
  name          = "alias/tillstream-state"
  target_key_id = aws_kms_key.this.key_id
}
