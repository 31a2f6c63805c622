output "buckets" {
  description = "Name and ARN of each bucket, by what it holds: lake, checkpoints, artifacts, access-logs. Known once the buckets are encrypted, versioned and closed; their lifecycle rules may still be settling."
  value       = { for name, bucket in aws_s3_bucket.this : name => { name = bucket.id, arn = bucket.arn } }

  depends_on = [
    aws_s3_bucket_ownership_controls.this,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_public_access_block.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}

output "glue_database_name" {
  description = "The Glue database that names the lake's tables; null where there is no catalog."
  value       = one(aws_glue_catalog_database.this[*].name)
}

output "bucket_policies" {
  description = "By bucket, its policy as JSON, for whoever reviews it."
  value       = { for name, policy in local.policies : name => jsonencode(policy) }
}
