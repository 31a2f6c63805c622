################################################################################
# Keys and network
################################################################################

module "kms" {
  source = "../kms"

  name_prefix          = var.name
  account_id           = var.account.id
  region               = var.account.region
  deletion_window_days = local.recovery_days
}

module "network" {
  source = "../network"

  name                     = var.name
  account_id               = var.account.id
  region                   = var.account.region
  cidr                     = var.network.cidr
  availability_zones       = var.network.availability_zones
  nat                      = var.network.nat
  stores                   = var.stores
  flow_logs                = local.logs
  permissions_boundary_arn = var.permissions_boundary_arn
}

locals {
  logs = {
    kms_key_arn    = module.kms.key_arns["logs"]
    retention_days = var.log_days
  }

  # The shortest that KMS and AWS Private CA take.
  recovery_days = var.disposable ? 7 : 30
}
