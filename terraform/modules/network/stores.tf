################################################################################
# The stores' way in: VPN from the retailer's hubs, or the retailer's Transit Gateway
#
# A hub (data centre, SD-WAN) carries many stores: a VPN a store would meet AWS's limits at once.
# https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html
################################################################################

locals {
  gateways        = var.stores.way_in == "vpn" ? var.stores.vpn_gateways : {}
  transit_gateway = var.stores.way_in == "transit_gateway" ? [var.stores.transit_gateway_id] : []

  # Brokers of MSK are intra, brokers of Strimzi are private.
  route_tables = merge({ intra = aws_route_table.intra.id }, { for zone in var.availability_zones : zone => aws_route_table.private[zone].id })

  # Without BGP each network is routed by hand.
  static_routes = {
    for pair in setproduct([for gateway, settings in local.gateways : gateway if settings.bgp_asn == null], var.stores.cidrs) : "${pair[0]} ${pair[1]}" => { gateway = pair[0], cidr = pair[1] }
  }
  transit_routes = {
    for pair in setproduct(length(local.transit_gateway) > 0 ? concat(["intra"], var.availability_zones) : [], var.stores.cidrs) : "${pair[0]} ${pair[1]}" => { table = pair[0], cidr = pair[1] }
  }
}

################################################################################
# VPN
################################################################################

resource "aws_vpn_gateway" "this" {
  count = var.stores.way_in == "vpn" ? 1 : 0

  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-stores" }
}

resource "aws_vpn_gateway_route_propagation" "this" {
  for_each = var.stores.way_in == "vpn" ? toset(concat(["intra"], var.availability_zones)) : toset([])

  vpn_gateway_id = aws_vpn_gateway.this[0].id
  route_table_id = local.route_tables[each.key]
}

resource "aws_customer_gateway" "this" {
  for_each = local.gateways

  type       = "ipsec.1"
  ip_address = each.value.ip_address
  # Asked for without BGP, too, and then unused.
  bgp_asn = coalesce(each.value.bgp_asn, 65000)

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpn_connection" "this" {
  for_each = local.gateways

  type                = "ipsec.1"
  vpn_gateway_id      = aws_vpn_gateway.this[0].id
  customer_gateway_id = aws_customer_gateway.this[each.key].id
  static_routes_only  = each.value.bgp_asn == null

  # The tunnels' keys are in Secrets Manager, and in no state.
  # https://docs.aws.amazon.com/vpn/latest/s2svpn/enhanced-security.html
  preshared_key_storage = "SecretsManager"

  tunnel1_ike_versions                 = ["ikev2"]
  tunnel1_phase1_dh_group_numbers      = [19, 20, 21]
  tunnel1_phase1_encryption_algorithms = ["AES256-GCM-16"]
  tunnel1_phase1_integrity_algorithms  = ["SHA2-256", "SHA2-384", "SHA2-512"]
  tunnel1_phase2_dh_group_numbers      = [19, 20, 21]
  tunnel1_phase2_encryption_algorithms = ["AES256-GCM-16"]
  tunnel1_phase2_integrity_algorithms  = ["SHA2-256", "SHA2-384", "SHA2-512"]

  tunnel2_ike_versions                 = ["ikev2"]
  tunnel2_phase1_dh_group_numbers      = [19, 20, 21]
  tunnel2_phase1_encryption_algorithms = ["AES256-GCM-16"]
  tunnel2_phase1_integrity_algorithms  = ["SHA2-256", "SHA2-384", "SHA2-512"]
  tunnel2_phase2_dh_group_numbers      = [19, 20, 21]
  tunnel2_phase2_encryption_algorithms = ["AES256-GCM-16"]
  tunnel2_phase2_integrity_algorithms  = ["SHA2-256", "SHA2-384", "SHA2-512"]

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpn_connection_route" "this" {
  for_each = local.static_routes

  vpn_connection_id      = aws_vpn_connection.this[each.value.gateway].id
  destination_cidr_block = each.value.cidr
}

################################################################################
# Transit Gateway
################################################################################

resource "aws_ec2_transit_gateway_vpc_attachment" "this" {
  count = length(local.transit_gateway)

  transit_gateway_id = local.transit_gateway[count.index]
  vpc_id             = aws_vpc.this.id
  subnet_ids         = [for zone in var.availability_zones : aws_subnet.intra[zone].id]

  tags = { Name = "${var.name}-stores" }
}

resource "aws_route" "transit" {
  for_each = local.transit_routes

  route_table_id         = local.route_tables[each.value.table]
  destination_cidr_block = each.value.cidr
  transit_gateway_id     = local.transit_gateway[0]

  # A route to a gateway that is not attached is refused.
  depends_on = [aws_ec2_transit_gateway_vpc_attachment.this]
}
