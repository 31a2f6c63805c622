################################################################################
# Production: each zone can be lost, and nothing is destroyed by mistake
################################################################################

locals {
  environment = "prod"
}

module "platform" {
  source = "../../modules/platform"

  name                     = "tillstream-${local.environment}"
  environment              = local.environment
  account                  = local.account
  contracts_directory      = "${path.root}/../../../contracts"
  repository               = var.repository
  stores                   = var.stores
  oncall_emails            = var.oncall_emails
  monthly_budget_usd       = var.monthly_budget_usd
  disposable               = var.disposable
  permissions_boundary_arn = var.permissions_boundary_arn

  network = {
    cidr               = var.cidr
    availability_zones = var.availability_zones
    nat                = "per_az"
  }

  kafka = {
    mode                   = var.kafka_mode
    existing_authority_arn = var.existing_authority_arn
    scram_users            = var.scram_users
    broker_storage_gib     = { initial = 250, maximum = 2000 }
  }

  kubernetes = {
    endpoint = var.kubernetes_endpoint
    access   = var.kubernetes_access

    node_groups = {
      core  = { minimum = 3, maximum = 6 }
      spark = { maximum = 12 }
    }
  }

  database = {
    instance_class = "db.t4g.medium"
    multi_az       = true
  }
}

################################################################################
# Where this is
################################################################################

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  account = {
    id        = data.aws_caller_identity.this.account_id
    region    = var.region
    partition = data.aws_partition.this.partition
  }
}
