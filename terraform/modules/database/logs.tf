################################################################################
# Logs
################################################################################

locals {
  logs = ["postgresql", "upgrade"]
}

# The names are RDS's own.
resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(local.logs)

  name              = "/aws/rds/instance/${var.name}/${each.key}"
  retention_in_days = var.log_retention.days
  kms_key_id        = var.log_retention.kms_key_arn
}

################################################################################
# Enhanced monitoring: the instance's own CPU, memory and disk
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.Enabling.html
################################################################################

data "aws_partition" "this" {}

locals {
  # Only for this account's database: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
  monitoring_trust_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AssumeByMonitoring"
        Effect    = "Allow"
        Principal = { Service = "monitoring.rds.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = { "aws:SourceAccount" = var.account.id }
          ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.this.partition}:rds:${var.account.region}:${var.account.id}:db:${var.name}" }
        }
      },
    ]
  }
}

resource "aws_iam_role" "monitoring" {
  name                 = "${var.name}-database-monitoring"
  description          = "What RDS may do to report on the database ${var.name}"
  assume_role_policy   = jsonencode(local.monitoring_trust_policy)
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
