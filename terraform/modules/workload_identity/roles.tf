################################################################################
# Roles: one a workload, for exactly its service account
################################################################################

locals {
  issuer = trimprefix(var.oidc_provider.issuer, "https://")

  trust_policies = {
    for workload, account in local.service_accounts : workload => {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "AssumeByServiceAccount"
          Effect    = "Allow"
          Principal = { Federated = var.oidc_provider.arn }
          Action    = "sts:AssumeRoleWithWebIdentity"
          Condition = {
            StringEquals = {
              "${local.issuer}:aud" = "sts.amazonaws.com"
              "${local.issuer}:sub" = "system:serviceaccount:${account.namespace}:${account.name}"
            }
          }
        },
      ]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.workloads

  name                 = "${var.name_prefix}-${each.key}"
  description          = "What ${each.key} may do"
  assume_role_policy   = jsonencode(local.trust_policies[each.key])
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "this" {
  for_each = { for workload, policy in local.policies : workload => policy if length(policy.Statement) > 0 }

  name   = "permissions"
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode(each.value)

  lifecycle {
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    precondition {
      condition     = length(jsonencode(each.value)) <= 10240
      error_message = "The policy of ${each.key} is ${length(jsonencode(each.value))} characters long, and IAM takes 10,240 a role: there are more feeds than it can name one by one. Give feeds that belong together a workload of their own in their contracts' roles."
    }
  }
}
