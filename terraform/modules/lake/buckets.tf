################################################################################
# Buckets
################################################################################

locals {
  # Tables and their logs; Spark's checkpoints; what jobs are made of and leave behind; who asked S3 for what.
  buckets = toset(["lake", "checkpoints", "artifacts", "access-logs"])

  # Everything but the log of accesses itself: to log its own would never end.
  logged = setsubtract(local.buckets, ["access-logs"])
}

resource "aws_s3_bucket" "this" {
  for_each = local.buckets

  bucket        = "${var.name_prefix}-${each.key}"
  force_destroy = var.force_destroy
}

################################################################################
# Versioning
################################################################################

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}
