################################################################################
# Roles: one a workload, for exactly its service account
################################################################################

locals {
  issuer = trimprefix(var.oidc_provider.issuer, "https://")

  trust_policies = {
    for workload in local.workloads : workload => {
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
              "${local.issuer}:sub" = "system:serviceaccount:${var.namespace}:${workload}"
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

  name   = "buckets"
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode(each.value)
}
