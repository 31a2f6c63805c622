output "buckets" {
  description = "Name and ARN of each bucket, by what it holds: lake, checkpoints, artifacts. Known once the buckets are encrypted, versioned and closed; their lifecycle rules may still be settling."
  value       = { for name, bucket in aws_s3_bucket.this : name => { name = bucket.id, arn = bucket.arn } }

  depends_on = [
    aws_s3_bucket_ownership_controls.this,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_public_access_block.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}
