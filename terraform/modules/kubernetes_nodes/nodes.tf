################################################################################
# Node groups: core for what must stay, spark for executors, which may be taken away
################################################################################

locals {
  groups = {
    core = {
      capacity = "ON_DEMAND"
      size     = var.node_groups.core
      taints   = []
    }
    # Only pods that say they tolerate it come here: an executor that vanishes costs a retry, CoreDNS would cost more.
    spark = {
      capacity = "SPOT"
      size     = var.node_groups.spark
      taints   = [{ key = local.pool_label, value = "spark", effect = "NO_SCHEDULE" }]
    }
  }

  # A label on every node and, where pods must ask for it, a taint.
  pool_label = "tillstream.io/pool"
}

resource "aws_eks_node_group" "this" {
  for_each = local.groups

  cluster_name           = var.cluster.name
  node_group_name_prefix = "${each.key}-"
  node_role_arn          = aws_iam_role.this.arn
  subnet_ids             = var.subnet_ids
  version                = var.cluster.kubernetes_version

  ami_type       = "AL2023_x86_64_STANDARD"
  capacity_type  = each.value.capacity
  instance_types = each.value.size.instance_types
  labels         = { (local.pool_label) = each.key }

  launch_template {
    id      = aws_launch_template.this[each.key].id
    version = aws_launch_template.this[each.key].latest_version
  }

  scaling_config {
    min_size     = each.value.size.minimum
    desired_size = each.value.size.minimum
    max_size     = each.value.size.maximum
  }

  update_config {
    max_unavailable_percentage = 33
  }

  dynamic "taint" {
    for_each = each.value.taints

    content {
      key    = taint.value.key
      value  = taint.value.value
      effect = taint.value.effect
    }
  }

  lifecycle {
    # Other instance types are another group: the new one first, then the pods move.
    create_before_destroy = true
    # From the minimum on the cluster autoscaler's.
    ignore_changes = [scaling_config[0].desired_size]
  }

  # A node joins with its network and its permissions, and leaves before they do.
  depends_on = [
    aws_eks_addon.kube_proxy,
    aws_eks_addon.vpc_cni,
    aws_iam_role_policy_attachment.this,
  ]
}

################################################################################
# Launch templates
################################################################################

# What the provider puts on everything: EC2 does not pass a template's own tags on to what is started by it.
data "aws_default_tags" "this" {}

resource "aws_launch_template" "this" {
  for_each = local.groups

  name        = "${var.cluster.name}-${each.key}"
  description = "Nodes of the group ${each.key}"

  # No key pair, no user data, no security group: the nodes have EKS's own.

  # A pod is one hop further than its node, and so never gets the node's credentials.
  # https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = each.value.size.disk_gib
      encrypted             = true
      kms_key_id            = var.kms_key_arn
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "network-interface", "volume"])

    content {
      resource_type = tag_specifications.key
      tags          = merge(data.aws_default_tags.this.tags, { Name = "${var.cluster.name}-${each.key}" })
    }
  }
}
