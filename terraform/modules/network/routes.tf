################################################################################
# The way out: one NAT gateway, or one a zone
################################################################################

locals {
  # Which zone's NAT gateway a zone goes out by. One for all costs a third, and its zone's failure is everybody's.
  nat_zones = { for zone in var.availability_zones : zone => var.nat == "single" ? var.availability_zones[0] : zone }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

resource "aws_eip" "nat" {
  for_each = toset(values(local.nat_zones))

  domain = "vpc"

  tags = { Name = "${var.name}-nat-${each.key}" }

  # Goes before the gateway it is reached by.
  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  for_each = aws_eip.nat

  allocation_id = each.value.id
  subnet_id     = aws_subnet.public[each.key].id

  tags = { Name = "${var.name}-${each.key}" }

  depends_on = [aws_internet_gateway.this]
}

################################################################################
# Route tables: a private one a zone, one public, one intra without a way out
################################################################################

resource "aws_route_table" "private" {
  for_each = local.zones

  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route_table" "intra" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-intra" }
}

resource "aws_route" "private_out" {
  for_each = local.nat_zones

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[each.value].id
}

resource "aws_route" "public_out" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "private" {
  for_each = local.zones

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

resource "aws_route_table_association" "public" {
  for_each = local.zones

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "intra" {
  for_each = local.zones

  subnet_id      = aws_subnet.intra[each.key].id
  route_table_id = aws_route_table.intra.id
}
