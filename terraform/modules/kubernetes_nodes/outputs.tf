output "pools" {
  description = "For the manifests, by group: the label of its nodes, and the taint that its pods must tolerate (null where there is none)."
  value = {
    for name, group in local.groups : name => {
      label = { key = local.pool_label, value = name }
      taint = one([for taint in group.taints : { key = taint.key, value = taint.value, effect = "NoSchedule" }])
    }
  }
}

output "node_group_names" {
  description = "Name of each node group. Known once its nodes are ready and the cluster resolves names."
  value       = { for name, group in aws_eks_node_group.this : name => group.node_group_name }

  depends_on = [
    aws_eks_addon.coredns,
    aws_eks_addon.ebs_csi,
  ]
}

output "node_role_arn" {
  description = "ARN of the nodes' role."
  value       = aws_iam_role.this.arn
}
