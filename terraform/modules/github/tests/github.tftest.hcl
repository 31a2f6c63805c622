mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/github-tillstream-part" }
  }
}

variables {
  repository         = "example/tillstream"
  account            = { id = "123456789012", region = "eu-central-1" }
  state              = { bucket_arn = "arn:aws:s3:::tillstream-state", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/state" }
  images_name_prefix = "tillstream-dev"
  environments = {
    dev  = { name_prefix = "tillstream-dev", state_key = "dev/terraform.tfstate" }
    prod = { name_prefix = "tillstream-prod", state_key = "prod/terraform.tfstate" }
  }
}

run "a_role_trusts_named_subjects_of_one_repository" {
  assert {
    condition = { for name, role in aws_iam_role.this : name => jsondecode(role.assume_role_policy) } == {
      for name, subjects in {
        plan-dev   = ["repo:example/tillstream:environment:drift", "repo:example/tillstream:pull_request"]
        plan-prod  = ["repo:example/tillstream:environment:drift", "repo:example/tillstream:pull_request"]
        apply-dev  = ["repo:example/tillstream:environment:dev"]
        apply-prod = ["repo:example/tillstream:environment:prod"]
        push       = ["repo:example/tillstream:environment:images"]
        } : name => {
        Version = "2012-10-17"
        Statement = [{
          Sid       = "AssumeByWorkflow"
          Effect    = "Allow"
          Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
          Action    = "sts:AssumeRoleWithWebIdentity"
          Condition = {
            StringEquals = {
              "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
              "token.actions.githubusercontent.com:sub" = subjects
            }
          }
        }]
      }
    }
    error_message = "Pull requests and the nightly comparison plan, the environment of the same name applies, `images` pushes, and no pattern is trusted."
  }

  assert {
    condition     = aws_iam_openid_connect_provider.this[0].url == "https://token.actions.githubusercontent.com" && aws_iam_openid_connect_provider.this[0].client_id_list == toset(["sts.amazonaws.com"])
    error_message = "The provider must be GitHub's, for tokens made for STS."
  }
}

run "a_plan_only_reads" {
  assert {
    condition = alltrue(flatten([
      for name, policy in output.policies : [
        for statement in jsondecode(policy).Statement : [
          for action in statement.Action : contains(["kms:Decrypt", "s3:GetBucket*"], action) || can(regex("^[a-z0-9-]+:(Describe|Get|List|View)[A-Za-z0-9]+$", action))
        ] if statement.Effect == "Allow"
      ] if startswith(name, "plan-")
    ]))
    error_message = "A plan may do nothing but describe, get, list, view, and decrypt the state."
  }

  assert {
    condition = toset(flatten([
      for name, policy in output.policies : [
        for statement in jsondecode(policy).Statement : statement.Resource
        if statement.Effect == "Allow" && length(setintersection(statement.Action, ["s3:GetObject", "s3:GetObjectVersion", "kms:Decrypt", "secretsmanager:GetSecretValue"])) > 0
      ] if startswith(name, "plan-prod-")
    ])) == toset(["arn:aws:s3:::tillstream-state/prod/terraform.tfstate", "arn:aws:kms:eu-central-1:123456789012:key/state"])
    error_message = "The only object that a plan reads is its own state, the only key the state's, and no secret at all."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(output.policies["plan-prod-base"]).Statement : statement if statement.Effect == "Deny"]) == jsonencode([
      {
        Sid         = "DenyObjects"
        Effect      = "Deny"
        Action      = ["s3:GetObject", "s3:GetObjectVersion"]
        NotResource = ["arn:aws:s3:::tillstream-state/prod/terraform.tfstate"]
      },
      {
        Sid      = "DenyWritesToObjects"
        Effect   = "Deny"
        Action   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"]
        Resource = ["*"]
      },
      {
        Sid      = "DenySecrets"
        Effect   = "Deny"
        Action   = ["secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue", "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"]
        Resource = ["*"]
      },
      {
        Sid         = "DenyKeys"
        Effect      = "Deny"
        Action      = ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        NotResource = ["arn:aws:kms:eu-central-1:123456789012:key/state"]
      },
    ])
    error_message = "What a plan must never get is denied besides: objects but its state, a lock, secrets, keys but the state's."
  }
}

run "an_apply_writes_its_own_state_lock_and_plan_and_no_other_object" {
  assert {
    condition = {
      for statement in jsondecode(output.policies["apply-prod-base"]).Statement : statement.Sid => [statement.Action, statement.Resource] if contains(["FindState", "ReadState", "WriteState", "LockStateAndKeepPlan"], statement.Sid)
      } == {
      FindState  = [["s3:ListBucket"], ["arn:aws:s3:::tillstream-state"]]
      ReadState  = [["s3:GetObject"], ["arn:aws:s3:::tillstream-state/prod/terraform.tfstate"]]
      WriteState = [["s3:PutObject"], ["arn:aws:s3:::tillstream-state/prod/terraform.tfstate"]]
      LockStateAndKeepPlan = [["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], [
        "arn:aws:s3:::tillstream-state/prod/terraform.tfstate.tflock",
        "arn:aws:s3:::tillstream-state/prod/terraform.tfstate.tfplan",
      ]]
    }
    error_message = "The state is written and never deleted, lock and plan come and go, and all are those of the environment."
  }

  assert {
    condition     = contains([for statement in jsondecode(output.policies["apply-prod-base"]).Statement : jsonencode([statement.Action, statement.NotResource]) if statement.Effect == "Deny"], jsonencode([["s3:GetObject", "s3:GetObjectVersion"], ["arn:aws:s3:::tillstream-state/prod/terraform.tfstate", "arn:aws:s3:::tillstream-state/prod/terraform.tfstate.tflock", "arn:aws:s3:::tillstream-state/prod/terraform.tfstate.tfplan"]]))
    error_message = "No receipt is read by what changes the lake."
  }

  assert {
    condition = alltrue(flatten([
      for name, policy in output.policies : [
        for statement in jsondecode(policy).Statement : !strcontains(policy, "tillstream-dev") && !strcontains(policy, "dev/terraform.tfstate")
      ] if startswith(name, "apply-prod-") || startswith(name, "plan-prod-")
    ]))
    error_message = "Nothing in the roles of one environment names another's."
  }
}

run "an_apply_hands_out_roles_within_bounds" {
  assert {
    condition = {
      for statement in jsondecode(output.policies["apply-prod-base"]).Statement : statement.Sid => [statement.Resource, statement.Condition] if contains(["AttachPolicies", "PassRoles", "LetServicesMakeTheirs"], statement.Sid)
      } == {
      AttachPolicies = [["arn:aws:iam::123456789012:role/tillstream-prod-*"], { ArnEquals = { "iam:PolicyARN" = [
        "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
        "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
        "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
        "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
      ] } }]
      PassRoles = [["arn:aws:iam::123456789012:role/tillstream-prod-*"], { StringEquals = { "iam:PassedToService" = [
        "ec2.amazonaws.com",
        "eks.amazonaws.com",
        "monitoring.rds.amazonaws.com",
        "vpc-flow-logs.amazonaws.com",
      ] } }]
      LetServicesMakeTheirs = [["arn:aws:iam::123456789012:role/aws-service-role/*"], { StringEquals = { "iam:AWSServiceName" = [
        "autoscaling.amazonaws.com",
        "eks-nodegroup.amazonaws.com",
        "eks.amazonaws.com",
        "kafka.amazonaws.com",
        "kafka.application-autoscaling.amazonaws.com",
        "rds.amazonaws.com",
        "spot.amazonaws.com",
      ] } }]
    }
    error_message = "Roles of the environment get AWS's policies that the modules attach, and go to the services that use them."
  }

  assert {
    condition = alltrue(flatten([
      for name, policy in output.policies : [
        for statement in jsondecode(policy).Statement : [
          for resource in statement.Resource : !startswith("arn:aws:iam::123456789012:role/github-tillstream-apply-prod", trimsuffix(resource, "*"))
        ] if statement.Effect == "Allow" && anytrue([for action in statement.Action : startswith(action, "iam:")])
      ]
    ]))
    error_message = "No workflow changes its own role."
  }

  assert {
    condition = [
      for statement in jsondecode(output.policies["apply-prod-base"]).Statement : statement.Condition if contains(statement.Action, "acm-pca:IssueCertificate")
    ] == [{ ArnEquals = { "acm-pca:TemplateArn" = "arn:aws:acm-pca:::template/RootCACertificate/V1" } }]
    error_message = "Only the authority's own certificate is signed here, never a store's."
  }
}

run "a_boundary_is_a_condition_of_giving_permissions" {
  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.policies["apply-prod-base"]).Statement : statement.Condition.StringEquals["iam:PermissionsBoundary"] == "arn:aws:iam::123456789012:policy/boundary"
      if contains(["AttachPolicies", "GivePermissions"], statement.Sid)
    ])
    error_message = "A role without the boundary must be neither made nor given anything."
  }
}

run "only_what_aws_knows_no_resource_for_is_allowed_on_all" {
  assert {
    condition = toset(flatten([
      for policy in output.policies : [
        for statement in jsondecode(policy).Statement : statement.Sid if statement.Effect == "Allow" && try(contains(statement.Resource, "*"), false)
      ]
    ])) == toset(["ChangeNameless", "LogIn", "ReadNameless"])
    error_message = "Every other statement names its resources."
  }

  assert {
    condition = alltrue(flatten([
      for policy in output.policies : [
        for statement in jsondecode(policy).Statement : statement.Condition.StringEquals["aws:RequestedRegion"] == "eu-central-1" if endswith(statement.Sid, "Nameless") || statement.Sid == "LogIn"
      ]
    ]))
    error_message = "What has no resource is held to the region."
  }

  assert {
    condition = alltrue(flatten([
      for policy in output.policies : [
        for statement in jsondecode(policy).Statement : [for action in statement.Action : !can(regex("^(.*:)?[*]$", action))]
      ]
    ]))
    error_message = "No statement allows all actions, nor all of a service."
  }
}

run "every_row_of_the_table_is_in_a_part" {
  assert {
    condition     = toset(flatten(values(local.parts))) == toset(keys(local.named["prod"])) && length(flatten(values(local.parts))) == length(local.named["prod"])
    error_message = "Each service must be in exactly one policy."
  }

  assert {
    condition     = length(aws_iam_role_policy_attachment.this) == 17 && alltrue([for name, attachment in aws_iam_role_policy_attachment.this : startswith(name, trimprefix(attachment.role, "github-tillstream-"))])
    error_message = "Each part must be attached to its own role."
  }
}

run "a_push_adds_images_of_one_environment" {
  assert {
    condition = {
      for statement in jsondecode(output.policies["push-base"]).Statement : statement.Sid => statement.Resource
      } == {
      LogIn = ["*"]
      Push  = ["arn:aws:ecr:eu-central-1:123456789012:repository/tillstream-dev/*"]
    }
    error_message = "Images go into the repositories of the named environment, and nowhere else."
  }

  assert {
    condition = !anytrue(flatten([
      for statement in jsondecode(output.policies["push-base"]).Statement : [for action in statement.Action : can(regex("Delete|Tag|Policy|Lifecycle", action))]
    ]))
    error_message = "A push deletes nothing, and leaves the repository as it is."
  }
}

run "an_account_has_one_provider" {
  variables {
    existing_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.this) == 0 && jsondecode(aws_iam_role.this["plan-prod"].assume_role_policy).Statement[0].Principal.Federated == var.existing_oidc_provider_arn
    error_message = "One that is there already must be used, and none made."
  }
}

run "the_longest_names_fit_into_policies" {
  variables {
    images_name_prefix = "tillstream-staging-of-europe-11"
    environments       = { staging-of-europe-1 = { name_prefix = "tillstream-staging-of-europe-11", state_key = "staging-of-europe-1/terraform.tfstate" } }
  }

  assert {
    condition     = alltrue([for policy in output.policies : length(policy) <= 6144]) && alltrue([for role in aws_iam_role.this : length(role.name) <= 64])
    error_message = "IAM takes policies of 6,144 characters and roles' names of 64."
  }
}
