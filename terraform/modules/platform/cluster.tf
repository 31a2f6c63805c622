################################################################################
# Cluster: control plane, then the roles of the workloads, then addons and nodes, which log in by them
################################################################################

module "kubernetes" {
  source = "../kubernetes"

  name                     = var.name
  vpc_id                   = module.network.vpc_id
  control_plane_subnet_ids = module.network.intra_subnet_ids
  kms_key_arn              = module.kms.key_arns["kubernetes"]
  logs                     = local.logs
  endpoint                 = var.kubernetes.endpoint
  access                   = var.kubernetes.access
  permissions_boundary_arn = var.permissions_boundary_arn
}

module "workload_identity" {
  source = "../workload_identity"

  name_prefix              = var.name
  account                  = var.account
  contracts_directory      = var.contracts_directory
  oidc_provider            = module.kubernetes.oidc_provider
  cluster                  = { name = var.name, vpc_id = module.network.vpc_id }
  buckets                  = module.lake.buckets
  kafka                    = local.msk ? { cluster_arn = module.kafka.cluster_arn } : null
  permissions_boundary_arn = var.permissions_boundary_arn

  kms_keys = {
    lake    = module.kms.key_arns["lake"]
    secrets = module.kms.key_arns["secrets"]
    paging  = module.kms.key_arns["paging"]
    volumes = module.kms.key_arns["kubernetes"]
  }

  secret_arns = concat(
    [for secret in local.handwritten : aws_secretsmanager_secret.this[secret].arn],
    [module.database.master_secret_arn],
  )

  paging = {
    oncall_topic_arn   = module.paging.oncall_topic_arn
    watchdog_topic_arn = module.paging.watchdog_topic_arn
  }
}

module "kubernetes_nodes" {
  source = "../kubernetes_nodes"

  cluster = {
    name               = module.kubernetes.cluster_name
    kubernetes_version = module.kubernetes.kubernetes_version
  }

  subnet_ids               = module.network.private_subnet_ids
  kms_key_arn              = module.kms.key_arns["kubernetes"]
  node_groups              = var.kubernetes.node_groups
  permissions_boundary_arn = var.permissions_boundary_arn

  addon_role_arns = {
    vpc_cni = module.workload_identity.role_arns["vpc-cni"]
    ebs_csi = module.workload_identity.role_arns["ebs-csi"]
  }
}

module "registry" {
  source = "../registry"

  name_prefix   = var.name
  kms_key_arn   = module.kms.key_arns["registry"]
  force_destroy = var.disposable
}

################################################################################
# Secrets that people write: made empty here, copied into the cluster by external-secrets
################################################################################

locals {
  # Airflow's own keys; the master key that the stores' signatures derive from; Grafana's administrator; webhooks. Where
  # Kafka is in the cluster, the authority that it trusts and the workloads' passwords.
  handwritten = concat(["airflow", "stores", "grafana", "paging"], local.msk ? [] : ["kafka"])
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:whoever wrote a value must take it to where it is used, as the stores' key to the tills: no function can rotate it
  for_each = toset(local.handwritten)

  name                    = "${var.name}/${each.key}"
  description             = "Written by people; docs/aws.md says what belongs into it"
  kms_key_id              = module.kms.key_arns["secrets"]
  recovery_window_in_days = var.disposable ? 0 : 30
}
