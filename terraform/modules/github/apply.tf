################################################################################
# Apply: on main, in the environment of GitHub of the same name
#
# It changes what an environment is made of, and reads nothing that flows through it. Whoever can change roles can give
# himself more in the end: what bounds that is review before main, the environment's rule, and the boundary, without
# which (where one is given) it makes and changes no role.
################################################################################

locals {
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate
  bounded = var.permissions_boundary_arn == null ? {} : {
    StringEquals = { "iam:PermissionsBoundary" = var.permissions_boundary_arn }
  }

  # AWS's own policies that the modules attach.
  attached_policies = [
    for policy in [
      "AmazonEC2ContainerRegistryPullOnly",
      "AmazonEKSClusterPolicy",
      "AmazonEKSWorkerNodePolicy",
      "service-role/AmazonRDSEnhancedMonitoringRole",
    ] : "arn:${local.partition}:iam::aws:policy/${policy}"
  ]

  # Services that a role is handed to, and those that make their own.
  passed_to = ["ec2.amazonaws.com", "eks.amazonaws.com", "monitoring.rds.amazonaws.com", "vpc-flow-logs.amazonaws.com"]
  linked_to = [
    "autoscaling.amazonaws.com",
    "eks-nodegroup.amazonaws.com",
    "eks.amazonaws.com",
    "kafka.amazonaws.com",
    "kafka.application-autoscaling.amazonaws.com",
    "rds.amazonaws.com",
    "spot.amazonaws.com",
  ]

  roles = { for environment, value in var.environments : environment => "${local.global["iam"]}:role/${value.name_prefix}-*" }

  permission_statements = {
    for environment in keys(var.environments) : environment => [
      merge(
        {
          Sid      = "GivePermissions"
          Effect   = "Allow"
          Action   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
          Resource = [local.roles[environment]]
        },
        var.permissions_boundary_arn == null ? {} : { Condition = local.bounded },
      ),
      {
        Sid       = "AttachPolicies"
        Effect    = "Allow"
        Action    = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"]
        Resource  = [local.roles[environment]]
        Condition = merge({ ArnEquals = { "iam:PolicyARN" = local.attached_policies } }, local.bounded)
      },
      {
        Sid       = "PassRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [local.roles[environment]]
        Condition = { StringEquals = { "iam:PassedToService" = local.passed_to } }
      },
      {
        Sid       = "LetServicesMakeTheirs"
        Effect    = "Allow"
        Action    = ["iam:CreateServiceLinkedRole"]
        Resource  = ["${local.global["iam"]}:role/aws-service-role/*"]
        Condition = { StringEquals = { "iam:AWSServiceName" = local.linked_to } }
      },
    ]
  }

  use_statements = {
    for environment, value in var.environments : environment => [
      # MSK, EKS, RDS and EC2 get their own leave to use a key from whoever makes the resource.
      {
        Sid      = "GrantKeys"
        Effect   = "Allow"
        Action   = ["kms:CreateGrant"]
        Resource = ["${local.here["kms"]}:key/*"]
      },
      {
        Sid       = "UseKeysThroughServices"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"]
        Resource  = ["${local.here["kms"]}:key/*"]
        Condition = { StringEquals = { "kms:ViaService" = [for service in ["ec2", "kafka", "rds", "secretsmanager"] : "${service}.${var.account.region}.amazonaws.com"] } }
      },
      # The CA's own certificate and no other: nothing here can make itself a store.
      # https://docs.aws.amazon.com/privateca/latest/userguide/UsingTemplates.html
      {
        Sid       = "SignAuthority"
        Effect    = "Allow"
        Action    = ["acm-pca:IssueCertificate"]
        Resource  = ["${local.here["acm-pca"]}:certificate-authority/*"]
        Condition = { ArnEquals = { "acm-pca:TemplateArn" = "arn:${local.partition}:acm-pca:::template/RootCACertificate/V1" } }
      },
      # Passwords that Terraform has made up: the provider reads a value back when it has written it.
      {
        Sid      = "WriteScramSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
        Resource = ["${local.here["secretsmanager"]}:secret:AmazonMSK_${value.name_prefix}_*"]
      },
      {
        Sid         = "DenyObjects"
        Effect      = "Deny"
        Action      = ["s3:GetObject", "s3:GetObjectVersion"]
        NotResource = concat([local.state_objects[environment]], local.passing_objects[environment])
      },
    ]
  }

  apply_statements = {
    for environment in keys(var.environments) : environment => merge(
      { for part, rows in local.parts : part => [for row in rows : local.changes[environment][row]] },
      {
        base = concat(
          local.read_state[environment],
          local.write_state[environment],
          local.permission_statements[environment],
          local.use_statements[environment],
          [
            {
              Sid       = "ChangeNameless"
              Effect    = "Allow"
              Action    = concat(local.nameless.read, local.nameless.write)
              Resource  = ["*"]
              Condition = local.in_region
            },
          ],
        )
      },
    )
  }

  changes = {
    for environment, rows in local.named : environment => {
      for name, row in rows : name => {
        Sid      = "Change${name}"
        Effect   = "Allow"
        Action   = concat(row.read, row.write)
        Resource = row.resources
      }
    }
  }
}
