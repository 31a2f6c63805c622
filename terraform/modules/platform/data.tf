################################################################################
# Lake, Airflow's database
################################################################################

module "lake" {
  source = "../lake"

  # The account makes the names unique in all of AWS.
  name_prefix         = "${var.name}-${var.account.id}"
  account_id          = var.account.id
  contracts_directory = var.contracts_directory
  kms_key_arn         = module.kms.key_arns["lake"]
  catalog             = { database = replace(var.name, "-", "_") }
  access_log_days     = var.log_days
  force_destroy       = var.disposable
}

module "database" {
  source = "../database"

  name                      = var.name
  account                   = { id = var.account.id, region = var.account.region }
  vpc_id                    = module.network.vpc_id
  subnet_ids                = module.network.intra_subnet_ids
  client_security_group_ids = { cluster = module.kubernetes.node_security_group_id }
  kms_key_arn               = module.kms.key_arns["database"]
  secrets_kms_key_arn       = module.kms.key_arns["secrets"]
  log_retention             = { kms_key_arn = module.kms.key_arns["logs"], days = var.log_days }
  instance_class            = var.database.instance_class
  multi_az                  = var.database.multi_az
  backup_days               = var.database.backup_days
  deletion_protection       = !var.disposable
  final_snapshot            = !var.disposable
  permissions_boundary_arn  = var.permissions_boundary_arn
}
