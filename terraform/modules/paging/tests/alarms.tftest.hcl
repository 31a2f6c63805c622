mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:tillstream-test-oncall" }
  }
}

variables {
  name_prefix        = "tillstream-test"
  account            = { id = "123456789012", region = "eu-central-1" }
  kms_key_arn        = "arn:aws:kms:eu-central-1:123456789012:key/paging"
  cluster_name       = "tillstream-test"
  kafka_cluster_name = "tillstream-kafka"
  budget             = { monthly_usd = 500, tag_value = "tillstream-test" }
}

run "silence_of_what_never_rests_pages" {
  assert {
    condition = jsonencode({ for alarm in aws_cloudwatch_metric_alarm.silence : alarm.alarm_name => [alarm.namespace, alarm.metric_name, alarm.dimensions, alarm.statistic, alarm.period * alarm.evaluation_periods] }) == jsonencode({
      tillstream-test-cluster-down    = ["AWS/EKS", "apiserver_request_total", { ClusterName = "tillstream-test" }, "Sum", 300]
      tillstream-test-kafka-down      = ["AWS/Kafka", "ActiveControllerCount", { "Cluster Name" = "tillstream-kafka" }, "Maximum", 300]
      tillstream-test-watchdog-silent = ["AWS/SNS", "NumberOfMessagesPublished", { TopicName = "tillstream-test-watchdog" }, "Sum", 900]
    })
    error_message = "Each alarm must ask for a metric that AWS publishes, by its name and dimension."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.silence : alarm.treat_missing_data == "breaching" && alarm.comparison_operator == "LessThanThreshold" && alarm.threshold == 1])
    error_message = "No data is the alarm: what is gone reports nothing."
  }

  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.silence), [aws_cloudwatch_metric_alarm.cluster_failing]) : alarm.alarm_actions == toset([aws_sns_topic.this["oncall"].arn]) && alarm.ok_actions == alarm.alarm_actions])
    error_message = "Those on call are told when it begins and when it ends."
  }

  assert {
    condition     = length(output.alarm_names) == 4
    error_message = "All alarms are listed."
  }
}

run "an_api_that_fails_pages_and_one_without_requests_does_not_twice" {
  assert {
    condition     = aws_cloudwatch_metric_alarm.cluster_failing.treat_missing_data == "notBreaching" && aws_cloudwatch_metric_alarm.cluster_failing.threshold == 20
    error_message = "A fifth of all requests, while there are any."
  }

  assert {
    condition = { for query in aws_cloudwatch_metric_alarm.cluster_failing.metric_query : query.id => try(query.metric[0].metric_name, query.expression) } == {
      failed = "apiserver_request_total_5XX"
      total  = "apiserver_request_total"
      share  = "100 * failed / total"
    }
    error_message = "The share is that of the API's own errors in its requests."
  }
}

run "kafka_in_the_cluster_has_no_alarm_of_aws" {
  variables {
    kafka_cluster_name = null
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.silence)) == toset(["cluster-down", "watchdog-silent"])
    error_message = "Without MSK there is no metric of MSK, whose absence would page for ever."
  }
}

run "the_budget_counts_the_environments_own_cost" {
  assert {
    condition     = aws_budgets_budget.this.limit_amount == "500.0" && aws_budgets_budget.this.limit_unit == "USD" && aws_budgets_budget.this.time_unit == "MONTHLY"
    error_message = "The limit is what was given, in dollars a month."
  }

  assert {
    condition     = jsonencode([for filter in aws_budgets_budget.this.cost_filter : [filter.name, filter.values]]) == jsonencode([["TagKeyValue", ["user:environment$tillstream-test"]]])
    error_message = "Only what bears the environment's tag counts."
  }

  assert {
    condition     = toset([for notification in aws_budgets_budget.this.notification : "${notification.notification_type} ${notification.threshold}"]) == toset(["ACTUAL 80", "FORECASTED 100"]) && alltrue([for notification in aws_budgets_budget.this.notification : notification.subscriber_sns_topic_arns == toset([aws_sns_topic.this["oncall"].arn])])
    error_message = "Those on call hear of it before the money is spent."
  }
}
