################################################################################
# Budget
# https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html
################################################################################

resource "aws_budgets_budget" "this" {
  name         = "${var.name_prefix}-monthly"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = format("%.1f", var.budget.monthly_usd)
  limit_unit   = "USD"

  # What bears the tag, and nothing else of the account; counts from the day on which the tag is active for billing.
  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:%s$%s", var.budget.tag_key, var.budget.tag_value)]
  }

  notification {
    notification_type         = "ACTUAL"
    comparison_operator       = "GREATER_THAN"
    threshold                 = 80
    threshold_type            = "PERCENTAGE"
    subscriber_sns_topic_arns = local.page
  }

  notification {
    notification_type         = "FORECASTED"
    comparison_operator       = "GREATER_THAN"
    threshold                 = 100
    threshold_type            = "PERCENTAGE"
    subscriber_sns_topic_arns = local.page
  }

  # Budgets tries at once whether it may publish.
  depends_on = [aws_sns_topic_policy.this]
}
