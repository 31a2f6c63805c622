################################################################################
# S3: a gateway endpoint, without charge, and the way of all the lake's data
################################################################################

locals {
  s3_policy = {
    Version = "2012-10-17"
    Statement = [
      # Who may do what is for IAM and the buckets to say. This says whose buckets: nobody carries data into an account
      # that is not ours. Resource is "*", as the condition names the owner.
      # https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-s3.html
      {
        Sid       = "OwnBuckets"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:*"
        Resource  = "*"
        Condition = { StringEquals = { "aws:ResourceAccount" = var.account_id } }
      },
      # The layers of images are in buckets of ECR.
      # https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
      {
        Sid       = "LayersOfImages"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:GetObject"
        Resource  = "arn:${data.aws_partition.this.partition}:s3:::prod-${var.region}-starport-layer-bucket/*"
      },
    ]
  }
}

data "aws_partition" "this" {}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = concat([for zone in var.availability_zones : aws_route_table.private[zone].id], [aws_route_table.intra.id])
  policy            = jsonencode(local.s3_policy)

  tags = { Name = "${var.name}-s3" }
}

################################################################################
# Other services: interface endpoints for what the cluster cannot be without
################################################################################

locals {
  interface_services = toset(["sts", "ecr.api", "ecr.dkr", "logs", "secretsmanager", "kms", "eks", "eks-auth"])
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.interface_services

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for zone in var.availability_zones : aws_subnet.intra[zone].id]
  security_group_ids  = [aws_security_group.endpoints.id]

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "Interface endpoints of ${var.name}"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id = aws_security_group.endpoints.id
  description       = "HTTPS from the VPC"
  cidr_ipv4         = aws_vpc.this.cidr_block
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
