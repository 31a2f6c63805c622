################################################################################
# Kafka, and how the stores log in to it
################################################################################

locals {
  msk = var.kafka.mode == "msk"
}

module "pki" {
  source = "../pki"
  count  = local.msk ? 1 : 0

  name                   = var.name
  existing_authority_arn = var.kafka.existing_authority_arn
  deletion_window_days   = local.recovery_days
}

module "secrets" {
  source = "../secrets"

  name_prefix          = var.name
  kms_key_arn          = module.kms.key_arns["secrets"]
  scram_users          = local.msk ? var.kafka.scram_users : []
  recovery_window_days = var.disposable ? 0 : 30
}

module "kafka" {
  source = "../kafka"

  name               = var.name
  mode               = var.kafka.mode
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.intra_subnet_ids
  instance_type      = var.kafka.instance_type
  brokers_per_zone   = var.kafka.brokers_per_zone
  broker_storage_gib = var.kafka.broker_storage_gib
  authority_arn      = one(module.pki[*].authority_arn)
  kms_key_arn        = module.kms.key_arns["kafka"]
  logs               = local.logs
  stores_cidrs       = var.stores.cidrs

  scram = {
    enabled     = length(var.kafka.scram_users) > 0
    secret_arns = module.secrets.scram_secret_arns
  }

  # Pods and nodes of EKS share one group; what a pod may reach is for NetworkPolicies to say.
  workload_security_group_ids   = { cluster = module.kubernetes.node_security_group_id }
  prometheus_security_group_ids = { cluster = module.kubernetes.node_security_group_id }
}
