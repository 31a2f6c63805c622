output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "vpc_cidr" {
  description = "The VPC's network."
  value       = aws_vpc.this.cidr_block
}

output "private_subnet_ids" {
  description = "Subnets of nodes and pods, in the order of the zones. Known once they have their way out."
  value       = [for zone in var.availability_zones : aws_subnet.private[zone].id]

  depends_on = [
    aws_route.private_out,
    aws_route.public_out,
    aws_route_table_association.private,
    aws_route_table_association.public,
    aws_vpc_endpoint.interface,
    aws_vpc_endpoint.s3,
    aws_vpc_security_group_ingress_rule.endpoints,
  ]
}

output "public_subnet_ids" {
  description = "Subnets of the NAT gateways, in the order of the zones."
  value       = [for zone in var.availability_zones : aws_subnet.public[zone].id]
}

output "intra_subnet_ids" {
  description = "Subnets without a way out, of brokers, endpoints, database and control plane, in the order of the zones."
  value       = [for zone in var.availability_zones : aws_subnet.intra[zone].id]

  depends_on = [aws_route_table_association.intra]
}

output "private_route_table_ids" {
  description = "Route tables of the private subnets, in the order of the zones."
  value       = [for zone in var.availability_zones : aws_route_table.private[zone].id]
}

output "nat_addresses" {
  description = "Public addresses that requests from the private subnets come from, for the allow lists of others."
  value       = sort([for address in aws_eip.nat : address.public_ip])
}

output "endpoint_security_group_id" {
  description = "Security group of the interface endpoints."
  value       = aws_security_group.endpoints.id
}

output "vpn_tunnels" {
  description = "Addresses of the two tunnels of each VPN connection, and the secret with their keys, by hub: what whoever configures the hub needs."
  value = {
    for gateway, connection in aws_vpn_connection.this : gateway => {
      addresses         = [connection.tunnel1_address, connection.tunnel2_address]
      preshared_key_arn = connection.preshared_key_arn
    }
  }
}
