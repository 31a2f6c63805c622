################################################################################
# Cluster: the control plane; its nodes and addons are module kubernetes_nodes
################################################################################

resource "aws_eks_cluster" "this" {
  #checkov:skip=CKV_AWS_39:the public endpoint is off unless a root asks for it, and then open to named networks only (tests/access.tftest.hcl); checkov does not see the default of an object's attribute
  name     = var.name
  role_arn = aws_iam_role.this.arn
  version  = var.kubernetes_version

  # kube-proxy, CoreDNS and the network come as addons of a known version, by roles of their own; none is put in before.
  bootstrap_self_managed_addons = false

  enabled_cluster_log_types = ["api", "audit", "authenticator", "controllerManager", "scheduler"]

  # https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
  access_config {
    authentication_mode = "API"
    # Who may do what stands in var.access: whoever runs Terraform is nobody in the cluster.
    bootstrap_cluster_creator_admin_permissions = false
  }

  encryption_config {
    resources = ["secrets"]

    provider {
      key_arn = var.kms_key_arn
    }
  }

  upgrade_policy {
    support_type = var.support
  }

  vpc_config {
    subnet_ids              = var.control_plane_subnet_ids
    security_group_ids      = [aws_security_group.this.id]
    endpoint_private_access = true
    endpoint_public_access  = var.endpoint.public
    public_access_cidrs     = var.endpoint.public ? var.endpoint.public_cidrs : null
  }

  # The log group first, or EKS makes one that is never deleted and not encrypted by our key. The role's policy first
  # and last: without it EKS leaves network interfaces behind.
  depends_on = [
    aws_cloudwatch_log_group.this,
    aws_iam_role_policy_attachment.this,
  ]
}

################################################################################
# Role of the control plane
################################################################################

locals {
  trust_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AssumeByKubernetes"
        Effect    = "Allow"
        Principal = { Service = "eks.amazonaws.com" }
        Action    = "sts:AssumeRole"
      },
    ]
  }
}

resource "aws_iam_role" "this" {
  name                 = "${var.name}-control-plane"
  description          = "What EKS may do for the cluster ${var.name}"
  assume_role_policy   = jsonencode(local.trust_policy)
  permissions_boundary = var.permissions_boundary_arn
}

# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEKSClusterPolicy.html
resource "aws_iam_role_policy_attachment" "this" {
  role       = aws_iam_role.this.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/AmazonEKSClusterPolicy"
}

data "aws_partition" "this" {}
