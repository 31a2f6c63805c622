################################################################################
# Policies: for each workload the union of what the files beside this one grant
################################################################################

locals {
  # Stand-ins where there is none: the statements that would name them are left out.
  kms_keys = var.kms_keys == null ? { lake = "", secrets = "", paging = "", volumes = "" } : var.kms_keys
  paging   = var.paging == null ? { oncall_topic_arn = "", watchdog_topic_arn = "" } : var.paging

  # How many statements a policy has must be known before ARNs are, so nothing here asks a value that is not
  # (`try` and `lookup` would): conditions are about inputs that are null or not.
  policies = {
    for workload in local.workloads : workload => {
      Version = "2012-10-17"
      Statement = flatten([
        for granted in [
          local.bucket_statements,
          local.bucket_key_statements,
          local.client_statements,
          local.administrator_statements,
          local.secret_statements,
          local.metric_statements,
          local.paging_statements,
          local.cluster_statements,
        ] : [for name, statements in granted : statements if name == workload]
      ])
    }
  }
}
