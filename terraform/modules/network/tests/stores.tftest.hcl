# How stores reach the VPC: not at all, by VPN from the hubs, or by the retailer's Transit Gateway.

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

run "no_way_in" {
  command = plan

  variables {
    stores = { cidrs = ["10.64.0.0/12"] }
  }

  assert {
    condition     = length(aws_vpn_gateway.this) + length(aws_vpn_connection.this) + length(aws_ec2_transit_gateway_vpc_attachment.this) + length(aws_route.transit) == 0 && length(output.vpn_tunnels) == 0
    error_message = "There is a way in that nobody asked for."
  }
}

run "by_vpn_with_and_without_bgp" {
  state_key = "vpn"

  variables {
    stores = {
      cidrs  = ["10.64.0.0/12", "172.20.0.0/16"]
      way_in = "vpn"
      vpn_gateways = {
        hamburg = { ip_address = "203.0.113.10" }
        munich  = { ip_address = "203.0.113.20", bgp_asn = 64600 }
      }
    }
  }

  assert {
    condition     = { for hub, gateway in aws_customer_gateway.this : hub => "${gateway.ip_address} ${gateway.bgp_asn}" } == { hamburg = "203.0.113.10 65000", munich = "203.0.113.20 64600" }
    error_message = "Not the two hubs."
  }

  assert {
    condition     = { for hub, connection in aws_vpn_connection.this : hub => connection.static_routes_only } == { hamburg = true, munich = false }
    error_message = "The hub without BGP is not routed by hand, or the other is."
  }

  assert {
    condition     = { for name, route in aws_vpn_connection_route.this : name => route.destination_cidr_block } == { "hamburg 10.64.0.0/12" = "10.64.0.0/12", "hamburg 172.20.0.0/16" = "172.20.0.0/16" }
    error_message = "Not a route to each network for the hub without BGP."
  }

  assert {
    condition     = toset([for propagation in aws_vpn_gateway_route_propagation.this : propagation.route_table_id]) == toset(concat([aws_route_table.intra.id], [for table in aws_route_table.private : table.id]))
    error_message = "Brokers in intra or private subnets find no way back to the stores."
  }

  assert {
    condition     = alltrue([for connection in aws_vpn_connection.this : connection.preshared_key_storage == "SecretsManager" && connection.tunnel1_ike_versions == toset(["ikev2"]) && connection.tunnel2_ike_versions == toset(["ikev2"]) && connection.tunnel1_phase2_encryption_algorithms == toset(["AES256-GCM-16"]) && connection.tunnel2_phase2_encryption_algorithms == toset(["AES256-GCM-16"])])
    error_message = "A tunnel's key is in the state, or its encryption is old."
  }

  assert {
    condition     = toset(keys(output.vpn_tunnels)) == toset(["hamburg", "munich"]) && length(output.vpn_tunnels.hamburg.addresses) == 2
    error_message = "Whoever configures a hub does not learn its tunnels."
  }

  assert {
    condition     = length(aws_ec2_transit_gateway_vpc_attachment.this) + length(aws_route.transit) == 0
    error_message = "There is a second way in."
  }
}

run "by_transit_gateway" {
  state_key = "transit"

  variables {
    stores = {
      cidrs              = ["10.64.0.0/12"]
      way_in             = "transit_gateway"
      transit_gateway_id = "tgw-0123456789abcdef0"
    }
  }

  assert {
    condition     = aws_ec2_transit_gateway_vpc_attachment.this[0].transit_gateway_id == "tgw-0123456789abcdef0" && aws_ec2_transit_gateway_vpc_attachment.this[0].subnet_ids == toset([for subnet in aws_subnet.intra : subnet.id])
    error_message = "The VPC is not attached in each zone."
  }

  assert {
    condition     = { for name, route in aws_route.transit : name => route.route_table_id } == merge({ "intra 10.64.0.0/12" = aws_route_table.intra.id }, { for zone, table in aws_route_table.private : "${zone} 10.64.0.0/12" => table.id })
    error_message = "Not a route to the stores in each table of brokers."
  }

  assert {
    condition     = alltrue([for route in aws_route.transit : route.transit_gateway_id == "tgw-0123456789abcdef0" && route.destination_cidr_block == "10.64.0.0/12"])
    error_message = "A route leads elsewhere."
  }

  assert {
    condition     = length(aws_vpn_gateway.this) + length(aws_vpn_connection.this) == 0
    error_message = "There is a second way in."
  }
}
