################################################################################
# Roles: for each environment one that plans and one that applies; and one that pushes images
################################################################################

locals {
  # A pull request's token says so, whatever branch it comes from; one from a fork gets none. A job that runs in an
  # environment of GitHub says that one's name instead, and not the branch: that only main gets there is a rule of the
  # environment, see docs/pull-requests.md.
  # https://docs.github.com/en/actions/reference/security/oidc
  subjects = merge(
    {
      for environment in keys(var.environments) : "plan-${environment}" => [
        "repo:${var.repository}:environment:drift",
        "repo:${var.repository}:pull_request",
      ]
    },
    { for environment in keys(var.environments) : "apply-${environment}" => ["repo:${var.repository}:environment:${environment}"] },
    { push = ["repo:${var.repository}:environment:images"] },
  )

  trust_policies = {
    for role, subjects in local.subjects : role => {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "AssumeByWorkflow"
          Effect    = "Allow"
          Principal = { Federated = local.provider_arn }
          Action    = "sts:AssumeRoleWithWebIdentity"
          Condition = {
            StringEquals = {
              "${local.issuer}:aud" = "sts.amazonaws.com"
              "${local.issuer}:sub" = subjects
            }
          }
        },
      ]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.trust_policies

  name               = "${var.name}-${each.key}"
  description        = "What a workflow of ${var.repository} may do to ${each.key}"
  assume_role_policy = jsonencode(each.value)
  # MSK alone takes the better part of an hour to make.
  max_session_duration = startswith(each.key, "apply-") ? 3 * 3600 : 3600
}

################################################################################
# Policies: parts of each, as IAM wants none longer than 6,144 characters
################################################################################

locals {
  documents = merge(
    { for environment, parts in local.plan_statements : "plan-${environment}" => parts },
    { for environment, parts in local.apply_statements : "apply-${environment}" => parts },
    { push = { base = local.push_statements } },
  )

  policies = merge([
    for role, parts in local.documents : {
      for part, statements in parts : "${role}-${part}" => {
        role     = role
        document = { Version = "2012-10-17", Statement = statements }
      }
    }
  ]...)
}

resource "aws_iam_policy" "this" {
  for_each = local.policies

  name        = "${var.name}-${each.key}"
  description = "Part of what a workflow of ${var.repository} may do to ${each.value.role}"
  policy      = jsonencode(each.value.document)

  lifecycle {
    precondition {
      condition     = length(jsonencode(each.value.document)) <= 6144
      error_message = "The policy ${each.key} is longer than the 6,144 characters that IAM takes: shorten name_prefix, or make another part of it in module github."
    }
  }
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.policies

  role       = aws_iam_role.this[each.value.role].name
  policy_arn = aws_iam_policy.this[each.key].arn
}
