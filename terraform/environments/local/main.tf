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

locals {
  account  = { id = "000000000000", region = "us-east-1" }
  stand_in = "${local.account.region}:${local.account.id}"
}

# What the emulator lacks is named all the same, so that the policies here are those of AWS, whole: no key encrypts, no
# cluster of MSK's stands behind its ARN, nobody is paged.
module "lake" {
  source = "../../modules/lake"

  name_prefix         = "tillstream-local"
  account_id          = local.account.id
  contracts_directory = "${path.root}/../../../contracts"
  kms_key_arn         = "arn:aws:kms:${local.stand_in}:key/lake"
  force_destroy       = true

  # The emulator has neither.
  request_metrics = false
  catalog         = null
}

module "workload_identity" {
  source = "../../modules/workload_identity"

  name_prefix         = "tillstream-local"
  account             = local.account
  contracts_directory = "${path.root}/../../../contracts"

  oidc_provider = {
    arn    = aws_iam_openid_connect_provider.this.arn
    issuer = var.issuer
  }

  cluster = {
    name   = "tillstream-local"
    vpc_id = "vpc-local"
  }

  buckets = module.lake.buckets

  kms_keys = {
    lake    = "arn:aws:kms:${local.stand_in}:key/lake"
    secrets = "arn:aws:kms:${local.stand_in}:key/secrets"
    paging  = "arn:aws:kms:${local.stand_in}:key/paging"
    volumes = "arn:aws:kms:${local.stand_in}:key/volumes"
  }

  kafka = {
    cluster_arn = "arn:aws:kafka:${local.stand_in}:cluster/tillstream-local/local"
  }

  secret_arns = ["arn:aws:secretsmanager:${local.stand_in}:secret:airflow-database-AbCdEf"]

  paging = {
    oncall_topic_arn   = "arn:aws:sns:${local.stand_in}:oncall"
    watchdog_topic_arn = "arn:aws:sns:${local.stand_in}:watchdog"
  }
}
