# What may be done with each key, and by whom.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name_prefix = "tillstream-test"
  account_id  = "123456789012"
  region      = "eu-central-1"
}

run "a_key_a_purpose_rotated_and_with_time_to_think_again" {
  command = plan

  assert {
    condition     = toset(keys(aws_kms_key.this)) == toset(["database", "kafka", "kubernetes", "lake", "logs", "paging", "registry", "secrets"])
    error_message = "Not one key for each purpose."
  }

  assert {
    condition     = alltrue([for key in aws_kms_key.this : key.enable_key_rotation && key.deletion_window_in_days == 30])
    error_message = "A key is not rotated, or is gone sooner than in 30 days."
  }

  assert {
    condition     = aws_kms_alias.this["lake"].name == "alias/tillstream-test-lake"
    error_message = "The alias does not name environment and purpose."
  }

  assert {
    condition     = alltrue([for purpose, policy in output.policies : policy == aws_kms_key.this[purpose].policy])
    error_message = "The policies put out are not the keys' own."
  }
}

run "the_account_administers_every_key_and_uses_none_by_that" {
  command = plan

  assert {
    condition = alltrue([
      for key in aws_kms_key.this : jsondecode(key.policy).Statement[0].Sid == "AdministerByAccount" &&
      jsondecode(key.policy).Statement[0].Principal == { AWS = "arn:aws:iam::123456789012:root" } &&
      contains(jsondecode(key.policy).Statement[0].Action, "kms:PutKeyPolicy")
    ])
    error_message = "A key can be lost: the account does not administer it."
  }

  assert {
    condition = alltrue([
      for action in jsondecode(aws_kms_key.this["lake"].policy).Statement[0].Action :
      !strcontains(action, "*") && !can(regex("^kms:(Encrypt|Decrypt|ReEncrypt|GenerateDataKey|CreateGrant)", action))
    ])
    error_message = "Administration includes the use of a key, or a wildcard."
  }

  assert {
    # But for the account's own statement about Kubernetes, which EKS does not let us narrow.
    condition = alltrue(flatten([
      for purpose, key in aws_kms_key.this : [
        for statement in slice(jsondecode(key.policy).Statement, 1, length(jsondecode(key.policy).Statement)) :
        can(statement.Condition) || "${purpose} ${statement.Sid}" == "kubernetes GrantToKubernetes"
      ]
    ]))
    error_message = "Somebody may use a key without condition."
  }

  assert {
    condition = alltrue(flatten([
      for key in aws_kms_key.this : [for statement in jsondecode(key.policy).Statement : statement.Effect == "Allow" && !contains(flatten([statement.Action]), "kms:*")]
    ]))
    error_message = "A statement allows every action."
  }
}

run "each_use_is_through_the_service_of_its_purpose" {
  command = plan

  assert {
    condition = {
      for purpose, key in aws_kms_key.this : purpose => [for statement in slice(jsondecode(key.policy).Statement, 1, length(jsondecode(key.policy).Statement)) : statement.Sid]
      } == {
      database   = ["UseThroughDatabase"]
      kafka      = ["UseThroughKafka"]
      kubernetes = ["GrantToKubernetes", "UseThroughVolumes", "UseForNodes", "GrantToNodes"]
      lake       = ["UseThroughS3"]
      logs       = ["UseForLogGroups"]
      paging     = ["UseThroughTopics", "UseForAlarms", "UseForBudgets"]
      registry   = ["UseThroughRegistry"]
      secrets    = ["UseThroughSecrets", "GrantToOwnersOfSecrets"]
    }
    error_message = "A key has other uses than these."
  }

  assert {
    condition = jsondecode(aws_kms_key.this["lake"].policy).Statement[1] == {
      Sid       = "UseThroughS3"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::123456789012:root" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = {
        StringEquals = { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" }
        StringLike   = { "kms:EncryptionContext:aws:s3:arn" = "arn:aws:s3:::tillstream-test-*" }
      }
    }
    error_message = "The lake's key is not for its own buckets through S3 alone."
  }

  assert {
    condition = {
      for purpose in ["database", "kafka", "registry"] : purpose => jsondecode(aws_kms_key.this[purpose].policy).Statement[1].Condition
      } == {
      database = { StringEquals = { "kms:ViaService" = "rds.eu-central-1.amazonaws.com" } }
      kafka    = { StringEquals = { "kms:ViaService" = "kafka.eu-central-1.amazonaws.com" } }
      registry = { StringEquals = { "kms:ViaService" = "ecr.eu-central-1.amazonaws.com" } }
    }
    error_message = "Database, Kafka or registry: not through their own service alone."
  }

  assert {
    condition = [for statement in jsondecode(aws_kms_key.this["secrets"].policy).Statement : [statement.Action, statement.Condition] if can(statement.Condition)] == [
      [["kms:Decrypt", "kms:GenerateDataKey"], { StringEquals = { "kms:ViaService" = "secretsmanager.eu-central-1.amazonaws.com" } }],
      [["kms:CreateGrant"], { StringEquals = { "kms:ViaService" = ["kafka.eu-central-1.amazonaws.com", "rds.eu-central-1.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com"] } }],
    ]
    error_message = "Secrets are readable other than through Secrets Manager, or grants go to others than MSK and RDS."
  }
}

run "services_use_keys_for_this_account_only" {
  command = plan

  assert {
    condition = jsondecode(aws_kms_key.this["logs"].policy).Statement[1].Principal == { Service = "logs.eu-central-1.amazonaws.com" } && jsondecode(aws_kms_key.this["logs"].policy).Statement[1].Condition == {
      StringLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:eu-central-1:123456789012:log-group:*tillstream-test*" }
    }
    error_message = "CloudWatch Logs may use the key for groups of others."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_kms_key.this["paging"].policy).Statement : statement.Principal.Service => statement.Condition if can(statement.Principal.Service)
      } == {
      "cloudwatch.amazonaws.com" = {
        StringEquals = { "aws:SourceAccount" = "123456789012" }
        ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:*" }
      }
      "budgets.amazonaws.com" = {
        StringEquals = { "aws:SourceAccount" = "123456789012" }
        ArnLike      = { "aws:SourceArn" = "arn:aws:budgets::123456789012:*" }
      }
    }
    error_message = "Alarms or budgets of others may use the key."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_kms_key.this["kubernetes"].policy).Statement : statement.Condition.StringEquals == {
        "kms:CallerAccount" = "123456789012"
        "aws:PrincipalArn"  = "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
      } if statement.Principal == { AWS = "*" }
    ])
    error_message = "Others than Auto Scaling's own role may use the key of the nodes' volumes."
  }

  assert {
    condition     = length([for statement in flatten([for key in aws_kms_key.this : jsondecode(key.policy).Statement]) : statement if statement.Principal == { AWS = "*" }]) == 2
    error_message = "A principal is a wildcard in more statements than the two for Auto Scaling."
  }

  assert {
    condition     = jsondecode(aws_kms_key.this["kubernetes"].policy).Statement[4].Condition.Bool == { "kms:GrantIsForAWSResource" = "true" }
    error_message = "Auto Scaling may grant the key to others than AWS's own resources."
  }
}
