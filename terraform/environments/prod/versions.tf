terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # Exact, as no lock file is committed here: one made from a mirror knows the checksum of one platform only.
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = var.region

  # Cost is counted by these; terraform/bootstrap makes them known to billing.
  default_tags {
    tags = {
      project     = "tillstream"
      environment = local.environment
    }
  }
}
