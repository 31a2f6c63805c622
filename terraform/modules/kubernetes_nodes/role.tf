################################################################################
# Role of the nodes: what a kubelet needs, and no more
#
# Nothing about networks (vpc-cni has a role of its own) and no session manager: a node is replaced, not visited.
################################################################################

locals {
  trust_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AssumeByNodes"
        Effect    = "Allow"
        Principal = { Service = "ec2.amazonaws.com" }
        Action    = "sts:AssumeRole"
      },
    ]
  }

  # https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html
  policies = toset(["AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodePolicy"])
}

data "aws_partition" "this" {}

resource "aws_iam_role" "this" {
  name                 = "${var.cluster.name}-node"
  description          = "What a node of the cluster ${var.cluster.name} may do"
  assume_role_policy   = jsonencode(local.trust_policy)
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.policies

  role       = aws_iam_role.this.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/${each.key}"
}
