################################################################################
# Addons: pinned, and as Terraform says, whatever was changed by hand
# https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html
################################################################################

# Before the nodes: one without network never becomes ready, and the nodes' own role may not give it one.
resource "aws_eks_addon" "vpc_cni" {
  cluster_name                = var.cluster.name
  addon_name                  = "vpc-cni"
  addon_version               = var.addon_versions.vpc_cni
  service_account_role_arn    = var.addon_role_arns.vpc_cni
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  # Without this a NetworkPolicy is an object that nothing enforces.
  # https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html
  configuration_values = jsonencode({ enableNetworkPolicy = "true" })
}

resource "aws_eks_addon" "kube_proxy" {
  cluster_name                = var.cluster.name
  addon_name                  = "kube-proxy"
  addon_version               = var.addon_versions.kube_proxy
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
}

# After the nodes: these are Deployments, and stay degraded as long as there is no place for them.
resource "aws_eks_addon" "coredns" {
  cluster_name                = var.cluster.name
  addon_name                  = "coredns"
  addon_version               = var.addon_versions.coredns
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  depends_on = [aws_eks_node_group.this]
}

resource "aws_eks_addon" "ebs_csi" {
  cluster_name                = var.cluster.name
  addon_name                  = "aws-ebs-csi-driver"
  addon_version               = var.addon_versions.ebs_csi
  service_account_role_arn    = var.addon_role_arns.ebs_csi
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  depends_on = [aws_eks_node_group.this]
}
