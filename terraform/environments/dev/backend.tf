terraform {
  # Bucket, key and lock are given at init: terraform/bootstrap writes the file (docs/aws.md).
  backend "s3" {}
}
