################################################################################
# Encryption
################################################################################

locals {
  # S3 delivers access logs to buckets under its own keys only.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
  keys = { for name in local.buckets : name => name == "access-logs" ? null : var.kms_key_arn }
}

# The bucket's default, and no policy that wants a header of every writer: one without it is encrypted, too.
resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    bucket_key_enabled = local.keys[each.key] != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = local.keys[each.key] == null ? "AES256" : "aws:kms"
      kms_master_key_id = local.keys[each.key]
    }
  }
}
