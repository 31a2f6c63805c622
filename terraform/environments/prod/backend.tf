terraform {
  # Bucket, region and key come from ../backend.hcl, which terraform/bootstrap writes; see docs/aws.md.
  backend "s3" {
    key          = "prod/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
