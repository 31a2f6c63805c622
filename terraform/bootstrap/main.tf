################################################################################
# Bootstrap: once an account, by a person, before any environment
#
# The first apply keeps its state beside this file, as there is no bucket yet; then it moves into the bucket:
#
#   terraform init && terraform apply
#   terraform output -raw backend > backend.tf
#   terraform init -migrate-state
################################################################################

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      project     = "tillstream"
      environment = "bootstrap"
    }
  }
}

data "aws_caller_identity" "this" {}

locals {
  account = { id = data.aws_caller_identity.this.account_id, region = var.region }

  # Names of buckets are unique in all of AWS.
  state_bucket = "tillstream-state-${local.account.id}"
}

################################################################################
# GitHub's workflows
################################################################################

module "github" {
  source = "../modules/github"

  repository                 = var.repository
  account                    = local.account
  existing_oidc_provider_arn = var.existing_github_oidc_provider_arn
  permissions_boundary_arn   = var.permissions_boundary_arn

  environments = {
    for environment in var.environments : environment => {
      name_prefix = "tillstream-${environment}"
      state_key   = "${environment}/terraform.tfstate"
    }
  }

  images_name_prefix = "tillstream-${var.images_environment}"

  state = {
    bucket_arn  = aws_s3_bucket.this["state"].arn
    kms_key_arn = aws_kms_key.this.arn
  }
}

################################################################################
# Tags that bills are told apart by
################################################################################

# AWS knows a tag a day after something first bore it, and in an organisation only the management account activates it.
# https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
resource "aws_ce_cost_allocation_tag" "this" {
  for_each = var.activate_cost_tags ? toset(["component", "environment", "project"]) : []

  tag_key = each.key
  status  = "Active"
}
