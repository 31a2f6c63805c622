################################################################################
# Lifecycle: what was replaced, deleted or never finished goes; what is current stays
################################################################################

locals {
  # The rows of a table lie below its first partition column, its log beside them: by this prefix `_delta_log/` never
  # moves. Tables without partitions are a few objects, and stay as they are.
  row_prefixes = {
    for name, table in module.contracts.tables : name => "${name}/${table.partition_columns[0]}="
    if length(table.partition_columns) > 0
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
      noncurrent_days = var.retention_days[each.key]
    }

    expiration {
      expired_object_delete_marker = true
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

  # Rows that nobody reads get cheap by themselves, and are read as before: no archive tier is switched on, whose
  # objects a query would find gone. Objects below 128 KB stay where they are.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/intelligent-tiering-overview.html
  dynamic "rule" {
    for_each = each.key == "lake" ? local.row_prefixes : {}

    content {
      id     = "tier-${rule.key}"
      status = "Enabled"

      filter {
        prefix = rule.value
      }

      transition {
        days          = 0
        storage_class = "INTELLIGENT_TIERING"
      }
    }
  }

  dynamic "rule" {
    for_each = each.key == "access-logs" ? [var.access_log_days] : []

    content {
      id     = "expire-access-logs"
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
