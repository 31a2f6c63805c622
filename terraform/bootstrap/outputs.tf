output "backend" {
  description = "This root's own backend, once there is a bucket: write it to backend.tf, then `terraform init -migrate-state`."
  value       = <<-EOT
    terraform {
      backend "s3" {
        bucket       = "${aws_s3_bucket.this["state"].id}"
        key          = "bootstrap/terraform.tfstate"
        region       = "${var.region}"
        encrypt      = true
        kms_key_id   = "${aws_kms_key.this.arn}"
        use_lockfile = true
      }
    }
  EOT
}

output "backend_configs" {
  description = "By environment: what `terraform init -backend-config=FILE` takes there."
  value = {
    for environment in var.environments : environment => <<-EOT
      bucket       = "${aws_s3_bucket.this["state"].id}"
      key          = "${environment}/terraform.tfstate"
      region       = "${var.region}"
      encrypt      = true
      kms_key_id   = "${aws_kms_key.this.arn}"
      use_lockfile = true
    EOT
  }
}

output "plan_role_arns" {
  description = "By environment: role of the workflow that plans on pull requests, with -lock=false."
  value       = module.github.plan_role_arns
}

output "apply_role_arns" {
  description = "By environment: role of the workflow that applies on main, in GitHub's environment of that name."
  value       = module.github.apply_role_arns
}

output "push_role_arn" {
  description = "Role of the workflow that pushes images, in GitHub's environment `images`."
  value       = module.github.push_role_arn
}

output "github_policies" {
  description = "The policies of these roles as JSON, by role and part: for those who check them."
  value       = module.github.policies
}
