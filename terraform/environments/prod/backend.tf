terraform {
  # The bucket is given at init, the region by AWS_REGION: docs/aws.md.
  backend "s3" {
    key          = "prod/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
