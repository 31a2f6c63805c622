################################################################################
# Who reaches the brokers: a port a way in, and no way out
#
# 9094 TLS (mTLS), 9096 SCRAM, 9098 IAM, 11001 JMX exporter, 11002 node exporter. Brokers talk to each other inside MSK's
# own VPC, and answer whoever has opened a connection: so there is neither a rule for themselves nor an egress rule.
# https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html
################################################################################

locals {
  from_stores = merge(
    { for cidr in var.stores_cidrs : "tls ${cidr}" => { port = 9094, cidr = cidr } },
    { for cidr in var.stores_cidrs : "scram ${cidr}" => { port = 9096, cidr = cidr } if var.scram.enabled },
  )
}

resource "aws_security_group" "this" {
  count = local.msk ? 1 : 0

  name        = "${var.name}-kafka"
  description = "Brokers of ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-kafka" }

  depends_on = [terraform_data.fixed]
}

resource "aws_vpc_security_group_ingress_rule" "stores" {
  for_each = local.msk ? local.from_stores : {}

  security_group_id = aws_security_group.this[0].id
  description       = "Stores"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "workloads" {
  for_each = local.msk ? var.workload_security_group_ids : {}

  security_group_id            = aws_security_group.this[0].id
  description                  = "Workloads: ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 9098
  to_port                      = 9098
}

resource "aws_vpc_security_group_ingress_rule" "prometheus" {
  for_each = local.msk ? var.prometheus_security_group_ids : {}

  security_group_id            = aws_security_group.this[0].id
  description                  = "Prometheus: ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 11001
  to_port                      = 11002
}
