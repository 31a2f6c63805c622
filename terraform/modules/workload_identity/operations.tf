################################################################################
# Secrets, metrics and pages
################################################################################

locals {
  # Copies the named secrets into the cluster, and cannot list any.
  secret_statements = {
    for workload in ["external-secrets"] : workload => concat(
      [
        {
          Sid      = "ReadSecrets"
          Effect   = "Allow"
          Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
          Resource = var.secret_arns
        },
      ],
      [
        for keys in [local.kms_keys] : {
          Sid       = "UseKeyOfSecrets"
          Effect    = "Allow"
          Action    = ["kms:Decrypt"]
          Resource  = [keys.secrets]
          Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.account.region}.amazonaws.com" } }
        } if var.kms_keys != null
      ],
    ) if length(var.secret_arns) > 0
  }

  # CloudWatch knows no resource for these: they read the metrics of the account, here of one region.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
  metric_statements = {
    cloudwatch-exporter = [
      {
        Sid       = "ReadMetrics"
        Effect    = "Allow"
        Action    = ["cloudwatch:GetMetricData", "cloudwatch:ListMetrics"]
        Resource  = ["*"]
        Condition = { StringEquals = { "aws:RequestedRegion" = var.account.region } }
      },
    ]
  }

  # Which of the two pages is chosen in Git; a switch must not wait for Terraform.
  paging_statements = {
    for workload in ["alertmanager", "grafana"] : workload => concat(
      [
        {
          Sid      = "Page"
          Effect   = "Allow"
          Action   = ["sns:Publish"]
          Resource = [local.paging.oncall_topic_arn, local.paging.watchdog_topic_arn]
        },
      ],
      [
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        for keys in [local.kms_keys] : {
          Sid       = "UseKeyOfPaging"
          Effect    = "Allow"
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = [keys.paging]
          Condition = { StringEquals = { "kms:ViaService" = "sns.${var.account.region}.amazonaws.com" } }
        } if var.kms_keys != null
      ],
    ) if var.paging != null
  }
}
