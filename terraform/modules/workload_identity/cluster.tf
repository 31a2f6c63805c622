################################################################################
# The cluster's own: volumes, addresses, nodes. Narrower than the policies AWS manages for them
################################################################################

locals {
  ec2 = "arn:${var.account.partition}:ec2:${var.account.region}:${var.account.id}"

  # EKS tags what it makes for a node group.
  # https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html
  of_the_cluster = { "aws:ResourceTag/kubernetes.io/cluster/${var.cluster.name}" = "owned" }

  cluster_statements = {
    # Makes, attaches and deletes the volumes it has tagged; takes no snapshots, as nothing here restores from one.
    # https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/install.md#set-up-driver-permissions
    ebs-csi = concat(
      [
        # EC2 knows no resource for these, here and below: they read.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
        {
          Sid    = "SeeVolumes"
          Effect = "Allow"
          Action = [
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeInstances",
            "ec2:DescribeTags",
            "ec2:DescribeVolumes",
            "ec2:DescribeVolumesModifications",
          ]
          Resource  = ["*"]
          Condition = { StringEquals = { "aws:RequestedRegion" = var.account.region } }
        },
        {
          Sid       = "MakeVolumes"
          Effect    = "Allow"
          Action    = ["ec2:CreateVolume"]
          Resource  = ["${local.ec2}:volume/*"]
          Condition = { StringEquals = { "aws:RequestTag/ebs.csi.aws.com/cluster" = "true" } }
        },
        {
          Sid       = "TagNewVolumes"
          Effect    = "Allow"
          Action    = ["ec2:CreateTags"]
          Resource  = ["${local.ec2}:volume/*"]
          Condition = { StringEquals = { "ec2:CreateAction" = "CreateVolume" } }
        },
        {
          Sid       = "KeepOwnVolumes"
          Effect    = "Allow"
          Action    = ["ec2:AttachVolume", "ec2:DeleteVolume", "ec2:DetachVolume", "ec2:ModifyVolume"]
          Resource  = ["${local.ec2}:volume/*"]
          Condition = { StringEquals = { "aws:ResourceTag/ebs.csi.aws.com/cluster" = "true" } }
        },
        {
          Sid       = "AttachToOwnNodes"
          Effect    = "Allow"
          Action    = ["ec2:AttachVolume", "ec2:DetachVolume"]
          Resource  = ["${local.ec2}:instance/*"]
          Condition = { StringEquals = local.of_the_cluster }
        },
      ],
      # https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html#ebs-encryption-permissions
      [
        for keys in [local.kms_keys] : {
          Sid    = "EncryptVolumes"
          Effect = "Allow"
          Action = [
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
          ]
          Resource  = [keys.volumes]
          Condition = { StringEquals = { "kms:ViaService" = "ec2.${var.account.region}.amazonaws.com" } }
        } if var.kms_keys != null
      ],
      [
        for keys in [local.kms_keys] : {
          Sid       = "LetEc2UseKeyOfVolumes"
          Effect    = "Allow"
          Action    = ["kms:CreateGrant"]
          Resource  = [keys.volumes]
          Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" } }
        } if var.kms_keys != null
      ],
    )

    # The network interfaces of this cluster's nodes, and no others.
    # https://github.com/aws/amazon-vpc-cni-k8s/blob/master/docs/iam-policy.md#scope-down-iam-policy-per-eks-cluster
    vpc-cni = [
      {
        Sid    = "SeeInterfaces"
        Effect = "Allow"
        Action = [
          "ec2:DescribeInstanceTypes",
          "ec2:DescribeInstances",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:DescribeTags",
        ]
        Resource  = ["*"]
        Condition = { StringEquals = { "aws:RequestedRegion" = var.account.region } }
      },
      {
        Sid       = "MakeInterfaces"
        Effect    = "Allow"
        Action    = ["ec2:CreateNetworkInterface"]
        Resource  = ["${local.ec2}:network-interface/*"]
        Condition = { StringEquals = { "aws:RequestTag/cluster.k8s.amazonaws.com/name" = var.cluster.name } }
      },
      {
        Sid       = "MakeInterfacesInOwnNetwork"
        Effect    = "Allow"
        Action    = ["ec2:CreateNetworkInterface"]
        Resource  = ["${local.ec2}:security-group/*", "${local.ec2}:subnet/*"]
        Condition = { ArnEquals = { "ec2:Vpc" = "${local.ec2}:vpc/${var.cluster.vpc_id}" } }
      },
      {
        Sid       = "TagNewInterfaces"
        Effect    = "Allow"
        Action    = ["ec2:CreateTags"]
        Resource  = ["${local.ec2}:network-interface/*"]
        Condition = { StringEquals = { "ec2:CreateAction" = "CreateNetworkInterface" } }
      },
      {
        Sid    = "KeepOwnInterfaces"
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:AttachNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DetachNetworkInterface",
          "ec2:ModifyNetworkInterfaceAttribute",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource  = ["${local.ec2}:network-interface/*"]
        Condition = { StringEquals = { "aws:ResourceTag/cluster.k8s.amazonaws.com/name" = var.cluster.name } }
      },
      {
        # The first interface of a node is EC2's, and carries no tag of the plugin.
        Sid       = "AddressOwnNodes"
        Effect    = "Allow"
        Action    = ["ec2:AttachNetworkInterface", "ec2:DetachNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute"]
        Resource  = ["${local.ec2}:instance/*"]
        Condition = { StringEquals = local.of_the_cluster }
      },
      {
        Sid       = "PutInterfacesIntoOwnGroups"
        Effect    = "Allow"
        Action    = ["ec2:ModifyNetworkInterfaceAttribute"]
        Resource  = ["${local.ec2}:security-group/*"]
        Condition = { ArnEquals = { "ec2:Vpc" = "${local.ec2}:vpc/${var.cluster.vpc_id}" } }
      },
    ]

    # Sizes the groups that EKS has tagged as this cluster's.
    # https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md
    cluster-autoscaler = [
      # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
      {
        Sid    = "SeeGroups"
        Effect = "Allow"
        Action = [
          "autoscaling:DescribeAutoScalingGroups",
          "autoscaling:DescribeAutoScalingInstances",
          "autoscaling:DescribeLaunchConfigurations",
          "autoscaling:DescribeScalingActivities",
          "autoscaling:DescribeTags",
          "ec2:DescribeImages",
          "ec2:DescribeInstanceTypes",
          "ec2:DescribeLaunchTemplateVersions",
          "ec2:GetInstanceTypesFromInstanceRequirements",
        ]
        Resource  = ["*"]
        Condition = { StringEquals = { "aws:RequestedRegion" = var.account.region } }
      },
      {
        Sid      = "SeeNodeGroups"
        Effect   = "Allow"
        Action   = ["eks:DescribeNodegroup"]
        Resource = ["arn:${var.account.partition}:eks:${var.account.region}:${var.account.id}:nodegroup/${var.cluster.name}/*"]
      },
      {
        Sid       = "SizeOwnGroups"
        Effect    = "Allow"
        Action    = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
        Resource  = ["arn:${var.account.partition}:autoscaling:${var.account.region}:${var.account.id}:autoScalingGroup:*:autoScalingGroupName/*"]
        Condition = { StringEquals = { "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.cluster.name}" = "owned" } }
      },
    ]
  }
}
