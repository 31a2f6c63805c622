################################################################################
# Flow logs: who spoke with whom
################################################################################

locals {
  # https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
  flow_logs_trust = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AssumeByFlowLogs"
        Effect    = "Allow"
        Principal = { Service = "vpc-flow-logs.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = { "aws:SourceAccount" = var.account_id }
          ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.this.partition}:ec2:${var.region}:${var.account_id}:vpc-flow-log/*" }
        }
      },
    ]
  }

  # The group is made here, so the role makes none.
  flow_logs_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "WriteFlowLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.flow.arn}:*"]
      },
      {
        Sid      = "FindGroup"
        Effect   = "Allow"
        Action   = ["logs:DescribeLogGroups"]
        Resource = ["arn:${data.aws_partition.this.partition}:logs:${var.region}:${var.account_id}:log-group:*"]
      },
    ]
  }
}

resource "aws_cloudwatch_log_group" "flow" {
  name              = "/aws/vpc/${var.name}/flow"
  kms_key_id        = var.flow_logs.kms_key_arn
  retention_in_days = var.flow_logs.retention_days
}

resource "aws_iam_role" "flow" {
  name                 = "${var.name}-flow-logs"
  description          = "Writes the flow logs of ${var.name}"
  assume_role_policy   = jsonencode(local.flow_logs_trust)
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "flow" {
  name   = "logs"
  role   = aws_iam_role.flow.id
  policy = jsonencode(local.flow_logs_policy)
}

resource "aws_flow_log" "this" {
  vpc_id               = aws_vpc.this.id
  traffic_type         = "ALL"
  log_destination_type = "cloud-watch-logs"
  log_destination      = aws_cloudwatch_log_group.flow.arn
  iam_role_arn         = aws_iam_role.flow.arn

  tags = { Name = var.name }

  # A flow log that begins before its role may write is lost for good.
  depends_on = [aws_iam_role_policy.flow]
}
