################################################################################
# Provider: the emulated AWS on loopback, its administrator's keys from the environment
################################################################################

provider "aws" {
  region = "us-east-1"

  # A bucket is no host name below an address.
  s3_use_path_style = true

  # There is no instance, and no account to ask about.
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true

  endpoints {
    iam = var.endpoint
    s3  = var.endpoint
    sts = var.endpoint
  }
}

################################################################################
# The cluster's share: on AWS it comes with EKS
################################################################################

resource "aws_iam_openid_connect_provider" "this" {
  url            = var.issuer
  client_id_list = ["sts.amazonaws.com"]
}

################################################################################
# The same modules as on AWS
################################################################################

module "lake" {
  source = "../../modules/lake"

  name_prefix   = "tillstream-local"
  force_destroy = true
}

module "workload_identity" {
  source = "../../modules/workload_identity"

  name_prefix         = "tillstream-local"
  contracts_directory = "${path.root}/../../../contracts"

  oidc_provider = {
    arn    = aws_iam_openid_connect_provider.this.arn
    issuer = var.issuer
  }

  buckets = {
    lake        = module.lake.buckets["lake"]
    checkpoints = module.lake.buckets["checkpoints"]
  }
}
