output "cluster_name" {
  description = "Name of the cluster. Known once it stands."
  value       = aws_eks_cluster.this.name
}

output "kubernetes_version" {
  description = "Minor version of Kubernetes that the control plane runs."
  value       = aws_eks_cluster.this.version
}

output "cluster_arn" {
  description = "ARN of the cluster."
  value       = aws_eks_cluster.this.arn
}

output "endpoint" {
  description = "Address of the API."
  value       = aws_eks_cluster.this.endpoint
}

output "certificate_authority" {
  description = "Certificate that the API's is signed by, in PEM and base64, as a kubeconfig has it."
  value       = aws_eks_cluster.this.certificate_authority[0].data
}

output "oidc_provider" {
  description = "The cluster's IAM OIDC provider: its ARN, and its issuer as an https URL."
  value = {
    arn    = aws_iam_openid_connect_provider.this.arn
    issuer = aws_eks_cluster.this.identity[0].oidc[0].issuer
  }
}

output "node_security_group_id" {
  description = "Security group that EKS makes: of all nodes, so of all pods, and of the control plane. [What it is](https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html)"
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}
