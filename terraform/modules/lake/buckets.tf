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
  #checkov:skip=CKV_AWS_19:Every bucket is encrypted in encryption.tf, by an algorithm that is an expression which checkov does not work out.
  #checkov:skip=CKV_AWS_145:As above: by the key of kms_key_arn where one is given, but for access logs, which S3 delivers under its own keys only.
  #checkov:skip=CKV_AWS_144:A second region would double what the lake costs. Deletes and overwrites are undone by versions, and what stores still hold can be replayed.
  #checkov:skip=CKV2_AWS_62:Nobody waits for objects: readers follow the tables' logs, in which an object counts only once it is committed.
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
