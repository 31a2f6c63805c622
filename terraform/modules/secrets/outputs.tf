output "scram_secret_arns" {
  description = "ARN of each user's secret. Known once it has a value that MSK may read."
  value       = { for user, secret in aws_secretsmanager_secret.scram : user => secret.arn }

  depends_on = [
    aws_secretsmanager_secret_policy.scram,
    aws_secretsmanager_secret_version.scram,
  ]
}
