output "role_arns" {
  description = "ARN of each workload's role, by its service account. Known once the role may do what it is for."
  value       = { for workload, role in aws_iam_role.this : workload => role.arn }

  depends_on = [aws_iam_role_policy.this]
}
