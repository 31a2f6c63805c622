# Written once everything is made that a workload needs, and so in the state while the lifecycle rules still settle.
resource "terraform_data" "usable" {
  input = {
    buckets   = { for name, bucket in module.lake.buckets : name => bucket.name }
    role_arns = module.workload_identity.role_arns
    subjects  = { for workload, account in module.workload_identity.service_accounts : workload => "${account.namespace}:${account.name}" }
  }
}

output "usable" {
  description = "Names of the buckets by what they hold, and by workload the ARNs of the roles and the subjects they trust, as namespace:name."
  value       = terraform_data.usable.output
}
