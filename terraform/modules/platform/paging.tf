################################################################################
# Paging: topics, and the alarms that the cluster cannot raise itself
################################################################################

module "paging" {
  source = "../paging"

  name_prefix        = var.name
  account            = { id = var.account.id, region = var.account.region }
  kms_key_arn        = module.kms.key_arns["paging"]
  oncall_emails      = var.oncall_emails
  cluster_name       = var.name
  kafka_cluster_name = local.msk ? var.name : null

  budget = {
    monthly_usd = var.monthly_budget_usd
    tag_value   = var.environment
  }
}
