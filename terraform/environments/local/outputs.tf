# Written once everything is made that a workload needs, and so in the state while the lifecycle rules still settle.
resource "terraform_data" "usable" {
  input = {
    buckets   = { for name, bucket in module.lake.buckets : name => bucket.name }
    role_arns = module.workload_identity.role_arns
  }
}

output "usable" {
  description = "Names of the buckets by what they hold, and ARNs of the workloads' roles by service account."
  value       = terraform_data.usable.output
}
