################################################################################
# Request metrics: requests, errors and latency of each bucket, by the minute
################################################################################

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-configurations.html
resource "aws_s3_bucket_metric" "this" {
  for_each = var.request_metrics ? local.logged : toset([])

  bucket = aws_s3_bucket.this[each.key].id
  name   = "EntireBucket"
}
