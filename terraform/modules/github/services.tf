################################################################################
# What Terraform reads and writes, service by service, for the modules of this repository
#
# read: what a plan asks for; write: what an apply does besides. `named` rows are held to the names that an environment
# gives its resources, or, where a resource's name is a number, to the account. `nameless` are actions that AWS knows no
# resource for; they are held to the region.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
################################################################################

data "aws_partition" "this" {}

locals {
  partition = data.aws_partition.this.partition

  # arn:aws:<service>:<region>:<account>, to which the resource is added.
  here   = { for service in ["acm-pca", "application-autoscaling", "cloudwatch", "ec2", "ecr", "eks", "glue", "kafka", "kms", "logs", "rds", "secretsmanager", "sns"] : service => "arn:${local.partition}:${service}:${var.account.region}:${var.account.id}" }
  global = { for service in ["budgets", "iam"] : service => "arn:${local.partition}:${service}::${var.account.id}" }

  named = {
    for environment, value in var.environments : environment => {
      Alarms = {
        read      = ["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"]
        write     = ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"]
        resources = ["${local.here["cloudwatch"]}:alarm:${value.name_prefix}-*"]
      }

      # A CA has a number for a name. What it issues, see apply.tf.
      Authorities = {
        read = [
          "acm-pca:DescribeCertificateAuthority",
          "acm-pca:GetCertificate",
          "acm-pca:GetCertificateAuthorityCertificate",
          "acm-pca:GetCertificateAuthorityCsr",
          "acm-pca:ListTags",
        ]
        write = [
          "acm-pca:DeleteCertificateAuthority",
          "acm-pca:ImportCertificateAuthorityCertificate",
          "acm-pca:RevokeCertificate",
          "acm-pca:TagCertificateAuthority",
          "acm-pca:UntagCertificateAuthority",
          "acm-pca:UpdateCertificateAuthority",
        ]
        resources = ["${local.here["acm-pca"]}:certificate-authority/*"]
      }

      Buckets = {
        # Whoever writes a bucket's policy could let himself in; that this is not so is a matter of review, as with roles.
        # s3:ListBucket is how the provider asks whether a bucket exists; it gives names of objects, never one itself.
        read = [
          "s3:GetAccelerateConfiguration",
          "s3:GetBucket*",
          "s3:GetEncryptionConfiguration",
          "s3:GetIntelligentTieringConfiguration",
          "s3:GetLifecycleConfiguration",
          "s3:GetMetricsConfiguration",
          "s3:GetReplicationConfiguration",
          "s3:ListBucket",
        ]
        write = [
          "s3:CreateBucket",
          "s3:DeleteBucket",
          "s3:DeleteBucketPolicy",
          "s3:PutBucketLogging",
          "s3:PutBucketOwnershipControls",
          "s3:PutBucketPolicy",
          "s3:PutBucketPublicAccessBlock",
          "s3:PutBucketTagging",
          "s3:PutBucketVersioning",
          "s3:PutEncryptionConfiguration",
          "s3:PutIntelligentTieringConfiguration",
          "s3:PutLifecycleConfiguration",
          "s3:PutMetricsConfiguration",
        ]
        resources = ["arn:${local.partition}:s3:::${value.name_prefix}-*"]
      }

      Budgets = {
        read      = ["budgets:ListTagsForResource", "budgets:ViewBudget"]
        write     = ["budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"]
        resources = ["${local.global["budgets"]}:budget/${value.name_prefix}-*"]
      }

      Catalog = {
        read = ["glue:GetDatabase", "glue:GetPartitionIndexes", "glue:GetTable", "glue:GetTables", "glue:GetTags"]
        write = [
          "glue:CreateDatabase",
          "glue:CreateTable",
          "glue:DeleteDatabase",
          "glue:DeleteTable",
          "glue:TagResource",
          "glue:UntagResource",
          "glue:UpdateDatabase",
          "glue:UpdateTable",
        ]
        resources = [
          "${local.here["glue"]}:catalog",
          "${local.here["glue"]}:database/${replace(value.name_prefix, "-", "_")}",
          "${local.here["glue"]}:table/${replace(value.name_prefix, "-", "_")}/*",
          # Deleting a database takes leave to delete what may be in it.
          "${local.here["glue"]}:userDefinedFunction/${replace(value.name_prefix, "-", "_")}/*",
        ]
      }

      Clusters = {
        read = [
          "eks:DescribeAccessEntry",
          "eks:DescribeAddon",
          "eks:DescribeCluster",
          "eks:DescribeNodegroup",
          "eks:DescribeUpdate",
          "eks:ListAssociatedAccessPolicies",
          "eks:ListTagsForResource",
        ]
        write = [
          "eks:AssociateAccessPolicy",
          "eks:AssociateEncryptionConfig",
          "eks:CreateAccessEntry",
          "eks:CreateAddon",
          "eks:CreateNodegroup",
          "eks:DeleteAccessEntry",
          "eks:DeleteAddon",
          "eks:DeleteCluster",
          "eks:DeleteNodegroup",
          "eks:DisassociateAccessPolicy",
          "eks:TagResource",
          "eks:UntagResource",
          "eks:UpdateAccessEntry",
          "eks:UpdateAddon",
          "eks:UpdateClusterConfig",
          "eks:UpdateClusterVersion",
          "eks:UpdateNodegroupConfig",
          "eks:UpdateNodegroupVersion",
        ]
        resources = [
          for resource in ["access-entry/${value.name_prefix}/*", "addon/${value.name_prefix}/*", "cluster/${value.name_prefix}", "nodegroup/${value.name_prefix}/*"] :
          "${local.here["eks"]}:${resource}"
        ]
      }

      Databases = {
        read = [
          "rds:DescribeDBInstances",
          "rds:DescribeDBParameterGroups",
          "rds:DescribeDBParameters",
          "rds:DescribeDBSubnetGroups",
          "rds:ListTagsForResource",
        ]
        write = [
          "rds:AddTagsToResource",
          "rds:CreateDBInstance",
          "rds:CreateDBParameterGroup",
          "rds:CreateDBSnapshot",
          "rds:CreateDBSubnetGroup",
          "rds:DeleteDBInstance",
          "rds:DeleteDBParameterGroup",
          "rds:DeleteDBSubnetGroup",
          "rds:ModifyDBInstance",
          "rds:ModifyDBParameterGroup",
          "rds:ModifyDBSubnetGroup",
          "rds:RebootDBInstance",
          "rds:RemoveTagsFromResource",
        ]
        resources = [
          for resource in ["db:${value.name_prefix}", "og:default:*", "pg:${value.name_prefix}-*", "snapshot:${value.name_prefix}-*", "subgrp:${value.name_prefix}"] :
          "${local.here["rds"]}:${resource}"
        ]
      }

      Images = {
        read = ["ecr:DescribeRepositories", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource"]
        write = [
          "ecr:CreateRepository",
          "ecr:DeleteLifecyclePolicy",
          "ecr:DeleteRepository",
          "ecr:PutImageScanningConfiguration",
          "ecr:PutImageTagMutability",
          "ecr:PutLifecyclePolicy",
          "ecr:TagResource",
          "ecr:UntagResource",
        ]
        resources = ["${local.here["ecr"]}:repository/${value.name_prefix}/*"]
      }

      Kafka = {
        read = [
          "kafka:DescribeCluster",
          "kafka:DescribeClusterV2",
          "kafka:DescribeConfiguration",
          "kafka:DescribeConfigurationRevision",
          "kafka:ListScramSecrets",
          "kafka:ListTagsForResource",
        ]
        write = [
          "kafka:BatchAssociateScramSecret",
          "kafka:BatchDisassociateScramSecret",
          "kafka:CreateCluster",
          "kafka:CreateClusterV2",
          "kafka:CreateConfiguration",
          "kafka:DeleteCluster",
          "kafka:DeleteConfiguration",
          "kafka:RebootBroker",
          "kafka:TagResource",
          "kafka:UntagResource",
          "kafka:UpdateBrokerCount",
          "kafka:UpdateBrokerStorage",
          "kafka:UpdateBrokerType",
          "kafka:UpdateClusterConfiguration",
          "kafka:UpdateClusterKafkaVersion",
          "kafka:UpdateConfiguration",
          "kafka:UpdateConnectivity",
          "kafka:UpdateMonitoring",
          "kafka:UpdateSecurity",
          "kafka:UpdateStorage",
        ]
        resources = ["${local.here["kafka"]}:cluster/${value.name_prefix}*/*", "${local.here["kafka"]}:configuration/${value.name_prefix}*/*"]
      }

      # A key has a number for a name. Their use, see apply.tf.
      Keys = {
        read = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]
        write = [
          "kms:CreateAlias",
          "kms:DeleteAlias",
          "kms:EnableKeyRotation",
          "kms:PutKeyPolicy",
          "kms:ScheduleKeyDeletion",
          "kms:TagResource",
          "kms:UntagResource",
          "kms:UpdateAlias",
          "kms:UpdateKeyDescription",
        ]
        resources = ["${local.here["kms"]}:alias/${value.name_prefix}-*", "${local.here["kms"]}:key/*"]
      }

      Logs = {
        read = ["logs:ListTagsForResource"]
        write = [
          "logs:AssociateKmsKey",
          "logs:CreateLogGroup",
          "logs:DeleteLogGroup",
          "logs:DisassociateKmsKey",
          "logs:PutRetentionPolicy",
          "logs:TagResource",
          "logs:UntagResource",
        ]
        resources = ["${local.here["logs"]}:log-group:/aws/*${value.name_prefix}*"]
      }

      # RunInstances is what EKS asks of whoever makes a group of nodes from a launch template: it takes AWS's images. A
      # transit gateway may be another account's.
      Network = {
        read = ["ec2:DescribeVpcAttribute"]
        write = [
          "ec2:AllocateAddress",
          "ec2:AssociateRouteTable",
          "ec2:AttachInternetGateway",
          "ec2:AttachVpnGateway",
          "ec2:AuthorizeSecurityGroupEgress",
          "ec2:AuthorizeSecurityGroupIngress",
          "ec2:CreateCustomerGateway",
          "ec2:CreateFlowLogs",
          "ec2:CreateInternetGateway",
          "ec2:CreateLaunchTemplate",
          "ec2:CreateLaunchTemplateVersion",
          "ec2:CreateNatGateway",
          "ec2:CreateRoute",
          "ec2:CreateRouteTable",
          "ec2:CreateSecurityGroup",
          "ec2:CreateSubnet",
          "ec2:CreateTags",
          "ec2:CreateTransitGatewayVpcAttachment",
          "ec2:CreateVpc",
          "ec2:CreateVpcEndpoint",
          "ec2:CreateVpnConnection",
          "ec2:CreateVpnConnectionRoute",
          "ec2:CreateVpnGateway",
          "ec2:DeleteCustomerGateway",
          "ec2:DeleteFlowLogs",
          "ec2:DeleteInternetGateway",
          "ec2:DeleteLaunchTemplate",
          "ec2:DeleteNatGateway",
          "ec2:DeleteRoute",
          "ec2:DeleteRouteTable",
          "ec2:DeleteSecurityGroup",
          "ec2:DeleteSubnet",
          "ec2:DeleteTags",
          "ec2:DeleteTransitGatewayVpcAttachment",
          "ec2:DeleteVpc",
          "ec2:DeleteVpcEndpoints",
          "ec2:DeleteVpnConnection",
          "ec2:DeleteVpnConnectionRoute",
          "ec2:DeleteVpnGateway",
          "ec2:DetachInternetGateway",
          "ec2:DetachVpnGateway",
          "ec2:DisableVgwRoutePropagation",
          "ec2:DisassociateAddress",
          "ec2:DisassociateRouteTable",
          "ec2:EnableVgwRoutePropagation",
          "ec2:ModifyLaunchTemplate",
          "ec2:ModifySecurityGroupRules",
          "ec2:ModifySubnetAttribute",
          "ec2:ModifyTransitGatewayVpcAttachment",
          "ec2:ModifyVpcAttribute",
          "ec2:ModifyVpcEndpoint",
          "ec2:ModifyVpnConnection",
          "ec2:ModifyVpnConnectionOptions",
          "ec2:ModifyVpnTunnelOptions",
          "ec2:ReleaseAddress",
          "ec2:ReplaceRoute",
          "ec2:ReplaceRouteTableAssociation",
          "ec2:RevokeSecurityGroupEgress",
          "ec2:RevokeSecurityGroupIngress",
          "ec2:RunInstances",
        ]
        resources = concat(
          [
            for type in [
              "customer-gateway",
              "elastic-ip",
              "instance",
              "internet-gateway",
              "launch-template",
              "natgateway",
              "network-interface",
              "route-table",
              "security-group",
              "security-group-rule",
              "subnet",
              "transit-gateway-attachment",
              "volume",
              "vpc",
              "vpc-endpoint",
              "vpc-flow-log",
              "vpn-connection",
              "vpn-gateway",
            ] : "${local.here["ec2"]}:${type}/*"
          ],
          ["arn:${local.partition}:ec2:${var.account.region}:*:transit-gateway/*", "arn:${local.partition}:ec2:${var.account.region}::image/*"],
        )
      }

      Providers = {
        read = ["iam:GetOpenIDConnectProvider"]
        write = [
          "iam:CreateOpenIDConnectProvider",
          "iam:DeleteOpenIDConnectProvider",
          "iam:TagOpenIDConnectProvider",
          "iam:UntagOpenIDConnectProvider",
        ]
        # The clusters' issuers, and so never GitHub's.
        resources = ["${local.global["iam"]}:oidc-provider/oidc.eks.${var.account.region}.amazonaws.com/*"]
      }

      # What gives a role its permissions, see apply.tf.
      Roles = {
        read = [
          "iam:GetRole",
          "iam:GetRolePolicy",
          "iam:ListAttachedRolePolicies",
          "iam:ListInstanceProfilesForRole",
          "iam:ListRolePolicies",
        ]
        write = [
          "iam:DeleteRole",
          "iam:DeleteRolePolicy",
          "iam:TagRole",
          "iam:UntagRole",
          "iam:UpdateAssumeRolePolicy",
          "iam:UpdateRole",
          "iam:UpdateRoleDescription",
        ]
        resources = ["${local.global["iam"]}:role/${value.name_prefix}-*"]
      }

      Scaling = {
        read = ["application-autoscaling:ListTagsForResource"]
        write = [
          "application-autoscaling:DeleteScalingPolicy",
          "application-autoscaling:DeregisterScalableTarget",
          "application-autoscaling:PutScalingPolicy",
          "application-autoscaling:RegisterScalableTarget",
          "application-autoscaling:TagResource",
          "application-autoscaling:UntagResource",
        ]
        resources = ["${local.here["application-autoscaling"]}:scalable-target/*"]
      }

      # Descriptions; values, see apply.tf. MSK's users, the database's password, the keys of VPN tunnels.
      Secrets = {
        read = ["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"]
        write = [
          "secretsmanager:CreateSecret",
          "secretsmanager:DeleteResourcePolicy",
          "secretsmanager:DeleteSecret",
          "secretsmanager:PutResourcePolicy",
          "secretsmanager:RotateSecret",
          "secretsmanager:TagResource",
          "secretsmanager:UntagResource",
          "secretsmanager:UpdateSecret",
        ]
        resources = [
          for secret in ["AmazonMSK_${value.name_prefix}_*", "rds!db-*", "s2svpn!*"] : "${local.here["secretsmanager"]}:secret:${secret}"
        ]
      }

      Topics = {
        read = ["sns:GetTopicAttributes", "sns:ListTagsForResource"]
        write = [
          "sns:CreateTopic",
          "sns:DeleteTopic",
          "sns:SetTopicAttributes",
          "sns:Subscribe",
          "sns:TagResource",
          "sns:UntagResource",
        ]
        resources = ["${local.here["sns"]}:${value.name_prefix}-*"]
      }
    }
  }

  nameless = {
    # Of EC2 not Describe*: some of it shows what an instance was started with.
    read = [
      "application-autoscaling:DescribeScalableTargets",
      "application-autoscaling:DescribeScalingPolicies",
      "ec2:DescribeAddresses",
      "ec2:DescribeAddressesAttribute",
      "ec2:DescribeAvailabilityZones",
      "ec2:DescribeCustomerGateways",
      "ec2:DescribeFlowLogs",
      "ec2:DescribeInternetGateways",
      "ec2:DescribeLaunchTemplateVersions",
      "ec2:DescribeLaunchTemplates",
      "ec2:DescribeNatGateways",
      "ec2:DescribeNetworkAcls",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribePrefixLists",
      "ec2:DescribeRouteTables",
      "ec2:DescribeSecurityGroupRules",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSubnets",
      "ec2:DescribeTransitGatewayAttachments",
      "ec2:DescribeTransitGatewayVpcAttachments",
      "ec2:DescribeTransitGateways",
      "ec2:DescribeVpcEndpointServices",
      "ec2:DescribeVpcEndpoints",
      "ec2:DescribeVpcs",
      "ec2:DescribeVpnConnections",
      "ec2:DescribeVpnGateways",
      "ec2:GetTransitGatewayRouteTableAssociations",
      "ec2:GetTransitGatewayRouteTablePropagations",
      "kafka:GetBootstrapBrokers",
      "kms:ListAliases",
      "logs:DescribeLogGroups",
      # Only makes one up.
      "secretsmanager:GetRandomPassword",
      "sns:GetSubscriptionAttributes",
    ]
    # The log deliveries are MSK's.
    write = [
      "acm-pca:CreateCertificateAuthority",
      "eks:CreateCluster",
      "kms:CreateKey",
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
      "sns:SetSubscriptionAttributes",
      "sns:Unsubscribe",
    ]
  }

  # The rows in parts, each short enough for a policy.
  parts = {
    data     = ["Authorities", "Buckets", "Catalog", "Databases", "Kafka", "Keys", "Secrets"]
    network  = ["Network"]
    platform = ["Alarms", "Budgets", "Clusters", "Images", "Logs", "Providers", "Roles", "Scaling", "Topics"]
  }

  in_region = { StringEquals = { "aws:RequestedRegion" = var.account.region } }
}
