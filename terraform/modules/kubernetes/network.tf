################################################################################
# Who reaches the API from outside of the cluster
#
# Nodes and pods do so by the security group that EKS makes; people and pipelines in networks that are joined to the VPC
# by this one. Nothing leaves by it: the control plane talks to the nodes by EKS's own.
# https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html
################################################################################

resource "aws_security_group" "this" {
  name        = "${var.name}-control-plane"
  description = "HTTPS to the API of the cluster ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-control-plane" }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = toset(var.endpoint.private_cidrs)

  security_group_id = aws_security_group.this.id
  description       = "API"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
