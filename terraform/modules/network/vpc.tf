################################################################################
# VPC
################################################################################

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# Nobody uses the group that every VPC comes with: it has no rule.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-default-unused" }
}

################################################################################
# Subnets: private for nodes and pods, public for the way out, intra for what needs none (brokers, endpoints, database)
#
# A quarter of the VPC is private in each zone; of the last quarter three eighths are public and three are intra. So a
# /16 has 16,384 private addresses a zone, and a /20, the smallest, 1,024 private and 128 of each other.
################################################################################

locals {
  zones = { for index, zone in var.availability_zones : zone => index }
  rest  = cidrsubnet(var.cidr, 2, 3)

  private_cidrs = { for zone, index in local.zones : zone => cidrsubnet(var.cidr, 2, index) }
  public_cidrs  = { for zone, index in local.zones : zone => cidrsubnet(local.rest, 3, index) }
  intra_cidrs   = { for zone, index in local.zones : zone => cidrsubnet(local.rest, 3, index + 3) }
}

resource "aws_subnet" "private" {
  for_each = local.private_cidrs

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  # Where EKS puts internal load balancers: those of Kafka in the cluster.
  # https://docs.aws.amazon.com/eks/latest/userguide/network-load-balancing.html
  tags = { Name = "${var.name}-private-${each.key}", "kubernetes.io/role/internal-elb" = "1" }
}

resource "aws_subnet" "public" {
  for_each = local.public_cidrs

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_subnet" "intra" {
  for_each = local.intra_cidrs

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-intra-${each.key}" }
}
