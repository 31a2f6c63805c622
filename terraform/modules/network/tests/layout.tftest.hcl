# Three zones, three kinds of subnets, and one way out or one a zone.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "tillstream-test"
  account_id         = "123456789012"
  region             = "eu-central-1"
  cidr               = "10.20.0.0/16"
  availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  flow_logs          = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000001" }
}

run "a_subnet_of_each_kind_in_each_zone" {
  command = plan

  assert {
    condition = { for zone, subnet in aws_subnet.private : zone => subnet.cidr_block } == {
      eu-central-1a = "10.20.0.0/18"
      eu-central-1b = "10.20.64.0/18"
      eu-central-1c = "10.20.128.0/18"
    }
    error_message = "Not a quarter of the VPC for each zone's pods."
  }

  assert {
    condition = { for zone, subnet in aws_subnet.public : zone => subnet.cidr_block } == {
      eu-central-1a = "10.20.192.0/21"
      eu-central-1b = "10.20.200.0/21"
      eu-central-1c = "10.20.208.0/21"
    }
    error_message = "The public subnets are not the first three eighths of what is left."
  }

  assert {
    condition = { for zone, subnet in aws_subnet.intra : zone => subnet.cidr_block } == {
      eu-central-1a = "10.20.216.0/21"
      eu-central-1b = "10.20.224.0/21"
      eu-central-1c = "10.20.232.0/21"
    }
    error_message = "The intra subnets are not the next three eighths."
  }

  assert {
    condition     = alltrue([for kind in [aws_subnet.private, aws_subnet.public, aws_subnet.intra] : alltrue([for zone, subnet in kind : subnet.availability_zone == zone && subnet.map_public_ip_on_launch != true])])
    error_message = "A subnet is in another zone, or gives public addresses away."
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.private : subnet.tags["kubernetes.io/role/internal-elb"] == "1"]) && alltrue([for subnet in aws_subnet.public : !contains(keys(subnet.tags), "kubernetes.io/role/elb")])
    error_message = "Load balancers of the cluster would be public, or find no subnet."
  }
}

run "the_smallest_vpc_has_room_for_nodes_and_brokers" {
  command   = plan
  state_key = "small"

  variables {
    cidr = "10.20.16.0/20"
  }

  assert {
    condition     = aws_subnet.private["eu-central-1c"].cidr_block == "10.20.24.0/22" && aws_subnet.public["eu-central-1a"].cidr_block == "10.20.28.0/25" && aws_subnet.intra["eu-central-1c"].cidr_block == "10.20.30.128/25"
    error_message = "Not 1,024 private, 128 public and 128 intra addresses a zone."
  }
}

run "a_nat_gateway_a_zone" {
  assert {
    condition     = toset(keys(aws_nat_gateway.this)) == toset(var.availability_zones) && length(aws_eip.nat) == 3
    error_message = "Not a NAT gateway in each zone."
  }

  assert {
    condition     = alltrue([for zone in var.availability_zones : aws_nat_gateway.this[zone].subnet_id == aws_subnet.public[zone].id])
    error_message = "A NAT gateway is not in its zone's public subnet."
  }

  assert {
    condition     = alltrue([for zone in var.availability_zones : aws_route.private_out[zone].nat_gateway_id == aws_nat_gateway.this[zone].id && aws_route.private_out[zone].route_table_id == aws_route_table.private[zone].id && aws_route.private_out[zone].destination_cidr_block == "0.0.0.0/0"])
    error_message = "A zone goes out by another zone."
  }

  assert {
    condition     = aws_route.public_out.gateway_id == aws_internet_gateway.this.id && aws_route.public_out.route_table_id == aws_route_table.public.id
    error_message = "The NAT gateways have no way out."
  }

  assert {
    condition = alltrue([
      for zone in var.availability_zones : aws_route_table_association.private[zone].route_table_id == aws_route_table.private[zone].id &&
      aws_route_table_association.public[zone].route_table_id == aws_route_table.public.id &&
      aws_route_table_association.intra[zone].route_table_id == aws_route_table.intra.id &&
      aws_route_table_association.intra[zone].subnet_id == aws_subnet.intra[zone].id
    ])
    error_message = "A subnet has another route table than its own."
  }

  assert {
    condition     = output.private_subnet_ids == [for zone in var.availability_zones : aws_subnet.private[zone].id] && output.public_subnet_ids == [for zone in var.availability_zones : aws_subnet.public[zone].id] && output.intra_subnet_ids == [for zone in var.availability_zones : aws_subnet.intra[zone].id]
    error_message = "The subnets are not put out in the order of the zones."
  }

  assert {
    condition     = length(output.nat_addresses) == 3 && length(output.private_route_table_ids) == 3 && output.vpc_id == aws_vpc.this.id && output.vpc_cidr == "10.20.0.0/16"
    error_message = "The VPC is not put out as it is."
  }
}

run "one_nat_gateway_for_all" {
  state_key = "single"

  variables {
    nat = "single"
  }

  assert {
    condition     = keys(aws_nat_gateway.this) == ["eu-central-1a"] && length(aws_eip.nat) == 1
    error_message = "Not one NAT gateway, in the first zone."
  }

  assert {
    condition     = length(aws_route.private_out) == 3 && alltrue([for route in aws_route.private_out : route.nat_gateway_id == aws_nat_gateway.this["eu-central-1a"].id])
    error_message = "A zone has no way out."
  }
}

run "no_rule_for_the_group_that_nobody_uses" {
  command = plan

  assert {
    condition     = length(aws_default_security_group.this.ingress) == 0 && length(aws_default_security_group.this.egress) == 0
    error_message = "The VPC's default group lets something through."
  }
}
