################################################################################
# Plan: on pull requests, with -lock=false
#
# Whoever can open a pull request can have anything run under this role. So it sees what there is and how it is set up,
# and no receipt, no secret's value, no key but the state's. The denials say again what is not allowed above, so that no
# later line gives it away unseen.
################################################################################

locals {
  plan_statements = {
    for environment in keys(var.environments) : environment => merge(
      { for part, rows in local.parts : part => [for row in rows : local.reads[environment][row]] },
      {
        base = concat(local.read_state[environment], [
          {
            Sid       = "ReadNameless"
            Effect    = "Allow"
            Action    = local.nameless.read
            Resource  = ["*"]
            Condition = local.in_region
          },
          {
            Sid         = "DenyObjects"
            Effect      = "Deny"
            Action      = ["s3:GetObject", "s3:GetObjectVersion"]
            NotResource = [local.state_objects[environment]]
          },
          {
            Sid      = "DenyWritesToObjects"
            Effect   = "Deny"
            Action   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"]
            Resource = ["*"]
          },
          {
            Sid    = "DenySecrets"
            Effect = "Deny"
            Action = [
              "secretsmanager:BatchGetSecretValue",
              "secretsmanager:GetSecretValue",
              "ssm:GetParameter",
              "ssm:GetParameters",
              "ssm:GetParametersByPath",
            ]
            Resource = ["*"]
          },
          {
            Sid         = "DenyKeys"
            Effect      = "Deny"
            Action      = ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
            NotResource = [var.state.kms_key_arn]
          },
        ])
      },
    )
  }

  reads = {
    for environment, rows in local.named : environment => {
      for name, row in rows : name => {
        Sid      = "Read${name}"
        Effect   = "Allow"
        Action   = row.read
        Resource = row.resources
      }
    }
  }
}
