"""The emulated AWS: S3, STS and IAM that enforce, an issuer of workload tokens, and Terraform applied to them."""
