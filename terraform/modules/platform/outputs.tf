################################################################################
# What reaches the cluster, by Git: argocd/overlays/<environment>/values/platform.yaml
################################################################################

locals {
  # No ConfigMap for the cluster, but one that kustomize's replacements read: a flat list of strings.
  platform = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "terraform" }
    data = merge(
      {
        # Variables of the workloads.
        AWS_REGION                 = var.account.region
        TILLSTREAM_LAKE_URI        = "s3://${module.lake.buckets["lake"].name}"
        TILLSTREAM_CHECKPOINTS_URI = "s3://${module.lake.buckets["checkpoints"].name}"
        TILLSTREAM_KAFKA_BOOTSTRAP = local.msk ? module.kafka.bootstrap.iam : "kafka-kafka-bootstrap.kafka.svc:9093"
        TILLSTREAM_KAFKA_LOGIN     = local.msk ? "iam" : "scram"

        # Where things are.
        environment         = var.environment
        account_id          = var.account.id
        region              = var.account.region
        cluster_name        = module.kubernetes.cluster_name
        vpc_cidr            = module.network.vpc_cidr
        kafka_mode          = module.kafka.mode
        kafka_cluster_name  = local.msk ? module.kafka.cluster_name : ""
        kafka_cluster_arn   = local.msk ? module.kafka.cluster_arn : ""
        artifacts_bucket    = module.lake.buckets["artifacts"].name
        database_host       = module.database.endpoint
        database_port       = tostring(module.database.port)
        database_name       = module.database.database_name
        database_secret_arn = module.database.master_secret_arn
        secrets_prefix      = var.name
        oncall_topic_arn    = module.paging.oncall_topic_arn
        watchdog_topic_arn  = module.paging.watchdog_topic_arn
        repository_url      = "https://github.com/${var.repository.name}.git"
        revision            = var.repository.revision
      },
      { for repository, url in module.registry.repository_urls : "image_${repository}" => url },
      # Those of the addons are given to EKS, and to nobody in the cluster.
      {
        for workload, arn in module.workload_identity.role_arns : "role_arn_${workload}" => arn
        if !contains(["ebs-csi", "vpc-cni"], workload)
      },
    )
  }
}

output "platform" {
  description = "What the manifests of the cluster must know of AWS, as the YAML that `make platform` writes below argocd/overlays."
  value       = yamlencode(local.platform)
}

################################################################################
# What people need
################################################################################

output "bootstrap" {
  description = "Addresses of Kafka's brokers by way in: tls (stores), iam (workloads), scram; null with strimzi."
  value       = module.kafka.bootstrap
}

output "authority_arn" {
  description = "The authority that signs the stores' certificates; null with strimzi."
  value       = one(module.pki[*].authority_arn)
}

output "vpn_tunnels" {
  description = "Addresses of the two tunnels of each VPN connection, and the secret with their keys, by hub."
  value       = module.network.vpn_tunnels
}

output "nat_addresses" {
  description = "Public addresses that requests from the cluster come from, for the allow lists of others."
  value       = module.network.nat_addresses
}

output "secret_arns" {
  description = "The secrets that people write, by name."
  value       = { for secret, made in aws_secretsmanager_secret.this : secret => made.arn }
}
