output "role_arns" {
  description = "ARN of each workload's role. Known once the role may do what it is for."
  value       = { for workload, role in aws_iam_role.this : workload => role.arn }

  depends_on = [aws_iam_role_policy.this]
}

output "service_accounts" {
  description = "Namespace and name of the service account that each workload's role trusts."
  value       = local.service_accounts
}

output "policies" {
  description = "By workload, its policy as JSON, for whoever reviews it. A workload that may do nothing (`topics` where Kafka is no MSK) has no statements."
  value       = { for workload, policy in local.policies : workload => jsonencode(policy) }
}

output "trust_policies" {
  description = "By workload, who may assume its role, as JSON."
  value       = { for workload, policy in local.trust_policies : workload => jsonencode(policy) }
}
