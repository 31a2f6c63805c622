################################################################################
# Keys: one a purpose, so that leave to use one says nothing about the others
################################################################################

locals {
  purposes = {
    lake       = "objects of the lake, the checkpoints and the artifacts"
    kafka      = "the brokers' volumes"
    kubernetes = "secrets in the cluster, volumes of its nodes and pods"
    database   = "the database of Airflow"
    secrets    = "secrets in Secrets Manager"
    logs       = "log groups in CloudWatch"
    paging     = "messages to whoever is on call"
    registry   = "images"
  }
}

resource "aws_kms_key" "this" {
  for_each = local.purposes

  description             = "${var.name_prefix}: ${each.value}"
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days
  policy                  = jsonencode(local.policies[each.key])
}

resource "aws_kms_alias" "this" {
  for_each = aws_kms_key.this

  name          = "alias/${var.name_prefix}-${each.key}"
  target_key_id = each.value.key_id
}
