################################################################################
# Topics: what goes to whoever is on call, and the watchdog's sign of life
################################################################################

locals {
  topics = toset(["oncall", "watchdog"])
}

resource "aws_sns_topic" "this" {
  for_each = local.topics

  name              = "${var.name_prefix}-${each.key}"
  kms_master_key_id = var.kms_key_arn
}

################################################################################
# Who may publish
#
# Roles of this account (alertmanager, grafana) by their own IAM policies, which is enough within an account: naming them
# here, too, would be a circle, as their policies name the topics. Services are no principals of the account and do need
# a statement; each is held to what belongs to this account.
# https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
################################################################################

data "aws_partition" "this" {}

locals {
  service_statements = {
    oncall = [
      {
        Sid       = "PublishByAlarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this["oncall"].arn
        Condition = {
          StringEquals = { "aws:SourceAccount" = var.account.id }
          ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.this.partition}:cloudwatch:${var.account.region}:${var.account.id}:alarm:${var.name_prefix}-*" }
        }
      },
      # https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
      {
        Sid       = "PublishByBudgets"
        Effect    = "Allow"
        Principal = { Service = "budgets.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this["oncall"].arn
        Condition = {
          StringEquals = { "aws:SourceAccount" = var.account.id }
          ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.this.partition}:budgets::${var.account.id}:*" }
        }
      },
    ]
    watchdog = []
  }

  topic_policies = {
    for topic in local.topics : topic => {
      Version = "2012-10-17"
      Statement = concat(local.service_statements[topic], [
        {
          Sid       = "DenyWithoutTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sns:Publish"
          Resource  = aws_sns_topic.this[topic].arn
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
      ])
    }
  }
}

resource "aws_sns_topic_policy" "this" {
  for_each = local.topics

  arn    = aws_sns_topic.this[each.key].arn
  policy = jsonencode(local.topic_policies[each.key])
}

################################################################################
# Who is on call. The webhook of a paging service holds a key, and what Terraform makes stands in its state, which every
# pull request's plan reads: it is subscribed by hand (docs/aws.md).
################################################################################

resource "aws_sns_topic_subscription" "email" {
  for_each = var.oncall_emails

  topic_arn = aws_sns_topic.this["oncall"].arn
  protocol  = "email"
  endpoint  = each.key
}
