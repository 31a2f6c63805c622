# AWS's services are reached inside the VPC, and who spoke with whom is written down.

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

  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
}

run "exactly_these_endpoints" {
  assert {
    condition = toset([for endpoint in aws_vpc_endpoint.interface : endpoint.service_name]) == toset([
      for service in ["ecr.api", "ecr.dkr", "eks", "eks-auth", "kms", "logs", "secretsmanager", "sts"] : "com.amazonaws.eu-central-1.${service}"
    ])
    error_message = "Not the endpoints that the cluster cannot be without."
  }

  assert {
    condition = alltrue([
      for endpoint in aws_vpc_endpoint.interface : endpoint.vpc_endpoint_type == "Interface" && endpoint.private_dns_enabled &&
      endpoint.security_group_ids == toset([aws_security_group.endpoints.id]) && endpoint.subnet_ids == toset([for subnet in aws_subnet.intra : subnet.id])
    ])
    error_message = "An endpoint is not found by its usual name in each zone, or is open to others."
  }

  assert {
    condition     = "${aws_vpc_security_group_ingress_rule.endpoints.cidr_ipv4} ${aws_vpc_security_group_ingress_rule.endpoints.ip_protocol} ${aws_vpc_security_group_ingress_rule.endpoints.from_port}-${aws_vpc_security_group_ingress_rule.endpoints.to_port}" == "10.20.0.0/16 tcp 443-443" && aws_vpc_security_group_ingress_rule.endpoints.security_group_id == output.endpoint_security_group_id
    error_message = "The endpoints are open to more than HTTPS from the VPC."
  }

  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && aws_vpc_endpoint.s3.service_name == "com.amazonaws.eu-central-1.s3" && aws_vpc_endpoint.s3.route_table_ids == toset(concat([for table in aws_route_table.private : table.id], [aws_route_table.intra.id]))
    error_message = "S3 is not reached by the gateway from every private and intra subnet."
  }

  assert {
    condition = jsondecode(aws_vpc_endpoint.s3.policy).Statement == [
      {
        Sid       = "OwnBuckets"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:*"
        Resource  = "*"
        Condition = { StringEquals = { "aws:ResourceAccount" = "123456789012" } }
      },
      {
        Sid       = "LayersOfImages"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:GetObject"
        Resource  = "arn:aws:s3:::prod-eu-central-1-starport-layer-bucket/*"
      },
    ]
    error_message = "Data can be carried through S3 into another account."
  }

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_flow_log.this.log_destination == aws_cloudwatch_log_group.flow.arn && aws_flow_log.this.iam_role_arn == aws_iam_role.flow.arn
    error_message = "Not all traffic is written to the log group."
  }

  assert {
    condition     = aws_cloudwatch_log_group.flow.kms_key_id == var.flow_logs.kms_key_arn && aws_cloudwatch_log_group.flow.retention_in_days == 365
    error_message = "The flow logs are not encrypted by the key given, or not kept for a year."
  }

  assert {
    condition = jsondecode(aws_iam_role.flow.assume_role_policy).Statement == [
      {
        Sid       = "AssumeByFlowLogs"
        Effect    = "Allow"
        Principal = { Service = "vpc-flow-logs.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = { "aws:SourceAccount" = "123456789012" }
          ArnLike      = { "aws:SourceArn" = "arn:aws:ec2:eu-central-1:123456789012:vpc-flow-log/*" }
        }
      },
    ]
    error_message = "Others than this account's flow logs may take the role."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.flow.policy).Statement == [
      {
        Sid      = "WriteFlowLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:eu-central-1:123456789012:log-group:/aws/vpc/tillstream-test/flow:*"]
      },
      {
        Sid      = "FindGroup"
        Effect   = "Allow"
        Action   = ["logs:DescribeLogGroups"]
        Resource = ["arn:aws:logs:eu-central-1:123456789012:log-group:*"]
      },
    ]
    error_message = "The role may do more than write the flow logs."
  }

  assert {
    condition     = aws_iam_role.flow.permissions_boundary == var.permissions_boundary_arn
    error_message = "The role is not bounded."
  }
}
