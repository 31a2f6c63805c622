################################################################################
# Access logs: who asked S3 for what
################################################################################

locals {
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
  delivery_statements = [
    {
      Sid       = "AllowAccessLogs"
      Effect    = "Allow"
      Principal = { Service = "logging.s3.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = [for name in local.logged : "${aws_s3_bucket.this["access-logs"].arn}/${name}/*"]
      Condition = {
        ArnEquals    = { "aws:SourceArn" = [for name in local.logged : aws_s3_bucket.this[name].arn] }
        StringEquals = { "aws:SourceAccount" = var.account_id }
      }
    },
  ]
}

resource "aws_s3_bucket_logging" "this" {
  for_each = local.logged

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["access-logs"].id
  target_prefix = "${each.key}/"

  # By date, so that a question about one day reads that day.
  target_object_key_format {
    partitioned_prefix {
      partition_date_source = "EventTime"
    }
  }

  # S3 asks whether it may deliver.
  depends_on = [aws_s3_bucket_policy.this]
}
