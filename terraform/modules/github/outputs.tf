output "plan_role_arns" {
  description = "By environment: ARN of the role that plans on pull requests, with -lock=false."
  value       = { for environment in keys(var.environments) : environment => aws_iam_role.this["plan-${environment}"].arn }
}

output "apply_role_arns" {
  description = "By environment: ARN of the role that applies in GitHub's environment of that name."
  value       = { for environment in keys(var.environments) : environment => aws_iam_role.this["apply-${environment}"].arn }
}

output "push_role_arn" {
  description = "ARN of the role that pushes images in GitHub's environment `images`."
  value       = aws_iam_role.this["push"].arn
}

output "policies" {
  description = "The policies as JSON, by role and part: for those who check them."
  value       = { for name, policy in local.policies : name => jsonencode(policy.document) }
}
