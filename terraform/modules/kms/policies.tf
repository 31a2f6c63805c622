################################################################################
# Key policies
#
# Nobody may use a key as such: the account's principals may use it through the service whose data it encrypts, if their
# own IAM policy says so, too, and services may for resources of this account. Administration is the account's, so that
# a key is never lost. `Resource` is "*" in every statement: in a key policy that means this key, and nothing else.
# https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
################################################################################

data "aws_partition" "this" {}

locals {
  partition = data.aws_partition.this.partition
  account   = { AWS = "arn:${local.partition}:iam::${var.account_id}:root" }

  via = { for service in ["ec2", "ecr", "kafka", "rds", "s3", "secretsmanager", "sns"] : service => "${service}.${var.region}.amazonaws.com" }

  # Everything but use: no Encrypt, Decrypt, ReEncrypt, GenerateDataKey, and no CreateGrant, which would give them away.
  # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-administrators
  administration = {
    Sid       = "AdministerByAccount"
    Effect    = "Allow"
    Principal = local.account
    Action = [
      "kms:CancelKeyDeletion",
      "kms:CreateAlias",
      "kms:DeleteAlias",
      "kms:DescribeKey",
      "kms:DisableKey",
      "kms:DisableKeyRotation",
      "kms:EnableKey",
      "kms:EnableKeyRotation",
      "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus",
      "kms:ListGrants",
      "kms:ListKeyPolicies",
      "kms:ListKeyRotations",
      "kms:ListResourceTags",
      "kms:PutKeyPolicy",
      "kms:RetireGrant",
      "kms:RevokeGrant",
      "kms:RotateKeyOnDemand",
      "kms:ScheduleKeyDeletion",
      "kms:TagResource",
      "kms:UntagResource",
      "kms:UpdateAlias",
      "kms:UpdateKeyDescription",
    ]
    Resource = "*"
  }

  uses = {
    # S3 reads and writes in the caller's name; the context is the bucket (or, without bucket key, the object).
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    lake = [
      {
        Sid       = "UseThroughS3"
        Effect    = "Allow"
        Principal = local.account
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = {
          StringEquals = { "kms:ViaService" = local.via["s3"] }
          StringLike   = { "kms:EncryptionContext:aws:s3:arn" = "arn:${local.partition}:s3:::${var.name_prefix}-*" }
        }
      },
    ]

    # Whoever makes the cluster hands MSK a grant for the brokers' volumes. The actions are those of the key that MSK
    # would else make itself (alias/aws/kafka).
    # https://docs.aws.amazon.com/msk/latest/developerguide/msk-encryption.html
    kafka = [
      {
        Sid       = "UseThroughKafka"
        Effect    = "Allow"
        Principal = local.account
        Action    = ["kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Condition = { StringEquals = { "kms:ViaService" = local.via["kafka"] } }
      },
    ]

    kubernetes = [
      # Whoever makes the cluster hands EKS a grant for its secrets, and the driver of the pods' volumes hands one to EC2.
      # For EKS the usual condition, kms:GrantIsForAWSResource, is not supported: here the IAM policies decide alone.
      # https://docs.aws.amazon.com/eks/latest/userguide/enable-kms.html
      {
        Sid       = "GrantToKubernetes"
        Effect    = "Allow"
        Principal = local.account
        Action    = ["kms:CreateGrant"]
        Resource  = "*"
      },
      # The driver of the pods' volumes.
      # https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
      {
        Sid       = "UseThroughVolumes"
        Effect    = "Allow"
        Principal = local.account
        Action    = ["kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt*"]
        Resource  = "*"
        Condition = { StringEquals = { "kms:ViaService" = local.via["ec2"] } }
      },
      # Auto Scaling starts the nodes by its service-linked role. Named by a condition, not as principal: until the
      # account has its first group there is no such role, and KMS refuses a policy that names one.
      # https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
      {
        Sid       = "UseForNodes"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Condition = { StringEquals = { "kms:CallerAccount" = var.account_id, "aws:PrincipalArn" = local.auto_scaling_role } }
      },
      {
        Sid       = "GrantToNodes"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = ["kms:CreateGrant"]
        Resource  = "*"
        Condition = {
          StringEquals = { "kms:CallerAccount" = var.account_id, "aws:PrincipalArn" = local.auto_scaling_role }
          Bool         = { "kms:GrantIsForAWSResource" = "true" }
        }
      },
    ]

    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html
    database = [
      {
        Sid       = "UseThroughDatabase"
        Effect    = "Allow"
        Principal = local.account
        Action    = ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "kms:ViaService" = local.via["rds"] } }
      },
    ]

    secrets = [
      # https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
      {
        Sid       = "UseThroughSecrets"
        Effect    = "Allow"
        Principal = local.account
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "kms:ViaService" = local.via["secretsmanager"] } }
      },
      # RDS keeps the database's master password, MSK reads the SCRAM users of its cluster: each by a grant.
      # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
      # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonmanagedstreamingforapachekafka.html
      {
        Sid       = "GrantToOwnersOfSecrets"
        Effect    = "Allow"
        Principal = local.account
        Action    = ["kms:CreateGrant"]
        Resource  = "*"
        Condition = { StringEquals = { "kms:ViaService" = [local.via["kafka"], local.via["rds"], local.via["secretsmanager"]] } }
      },
    ]

    # CloudWatch Logs for groups whose name has ours in it.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    logs = [
      {
        Sid       = "UseForLogGroups"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Condition = {
          StringLike = {
            "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${var.region}:${var.account_id}:log-group:*${var.name_prefix}*"
          }
        }
      },
    ]

    paging = [
      {
        Sid       = "UseThroughTopics"
        Effect    = "Allow"
        Principal = local.account
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "kms:ViaService" = local.via["sns"] } }
      },
      # Alarms and budgets publish in their own name.
      # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
      # https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
      {
        Sid       = "UseForAlarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = var.account_id }
          ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${var.region}:${var.account_id}:alarm:*" }
        }
      },
      {
        Sid       = "UseForBudgets"
        Effect    = "Allow"
        Principal = { Service = "budgets.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = var.account_id }
          ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:budgets::${var.account_id}:*" }
        }
      },
    ]

    # Whoever makes a repository hands ECR two grants for it.
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
    registry = [
      {
        Sid       = "UseThroughRegistry"
        Effect    = "Allow"
        Principal = local.account
        Action    = ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "kms:ViaService" = local.via["ecr"] } }
      },
    ]
  }

  auto_scaling_role = "arn:${local.partition}:iam::${var.account_id}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"

  policies = {
    for purpose, statements in local.uses : purpose => {
      Version   = "2012-10-17"
      Statement = concat([local.administration], statements)
    }
  }
}
