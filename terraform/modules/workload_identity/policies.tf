################################################################################
# Policies: for each workload the union of what the files beside this one grant
################################################################################

locals {
  policies = {
    for workload in local.workloads : workload => {
      Version = "2012-10-17"
      Statement = concat(
        try(local.bucket_statements[workload], []),
        try(local.bucket_key_statements[workload], []),
        try(local.client_statements[workload], []),
        try(local.administrator_statements[workload], []),
        try(local.secret_statements[workload], []),
        try(local.metric_statements[workload], []),
        try(local.paging_statements[workload], []),
        try(local.cluster_statements[workload], []),
      )
    }
  }
}
