output "key_arns" {
  description = "ARN of each key by its purpose: lake, kafka, kubernetes, database, secrets, logs, paging, registry."
  value       = { for purpose, key in aws_kms_key.this : purpose => key.arn }
}

output "policies" {
  description = "The keys' policies as JSON, by purpose: for those who check them."
  value       = { for purpose, policy in local.policies : purpose => jsonencode(policy) }
}
