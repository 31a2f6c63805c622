################################################################################
# Alarms that the cluster cannot raise itself: with it Prometheus and Alertmanager are gone, too
################################################################################

locals {
  page = [aws_sns_topic.this["oncall"].arn]

  # Each counts something that never rests while all is well, so silence is the alarm: missing data is breaching.
  silences = merge(
    {
      # Alertmanager publishes its always firing alert here. SNS counts in steps of five minutes.
      # https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
      watchdog-silent = {
        description = "Nothing has come from the watchdog for 15 minutes: Prometheus, Alertmanager or their way out is down, and no other alert would come."
        namespace   = "AWS/SNS"
        metric      = "NumberOfMessagesPublished"
        dimensions  = { TopicName = aws_sns_topic.this["watchdog"].name }
        statistic   = "Sum"
        period      = 300
        periods     = 3
      }

      # EKS counts the requests to its API; nodes alone make some every few seconds.
      # https://docs.aws.amazon.com/eks/latest/userguide/cloudwatch.html
      cluster-down = {
        description = "The Kubernetes API of ${var.cluster_name} has answered nothing for 5 minutes."
        namespace   = "AWS/EKS"
        metric      = "apiserver_request_total"
        dimensions  = { ClusterName = var.cluster_name }
        statistic   = "Sum"
        period      = 60
        periods     = 5
      }
    },
    # One of the controllers is the active one.
    # https://docs.aws.amazon.com/msk/latest/developerguide/metrics-details.html
    var.kafka_cluster_name == null ? {} : {
      kafka-down = {
        description = "Kafka (${coalesce(var.kafka_cluster_name, "none")}) has had no active controller for 5 minutes: stores keep their receipts, nothing arrives."
        namespace   = "AWS/Kafka"
        metric      = "ActiveControllerCount"
        dimensions  = { "Cluster Name" = var.kafka_cluster_name }
        statistic   = "Maximum"
        period      = 60
        periods     = 5
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "silence" {
  for_each = local.silences

  alarm_name        = "${var.name_prefix}-${each.key}"
  alarm_description = each.value.description

  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"

  alarm_actions = local.page
  ok_actions    = local.page
}

# It answers, but by errors of its own. No request at all is the alarm above.
resource "aws_cloudwatch_metric_alarm" "cluster_failing" {
  alarm_name        = "${var.name_prefix}-cluster-failing"
  alarm_description = "The Kubernetes API of ${var.cluster_name} has answered more than a fifth of its requests by an error of its own for 5 minutes."

  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = 20
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "share"
    label       = "Requests that failed, per cent"
    expression  = "100 * failed / total"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { failed = "apiserver_request_total_5XX", total = "apiserver_request_total" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/EKS"
        metric_name = metric_query.value
        dimensions  = { ClusterName = var.cluster_name }
        stat        = "Sum"
        period      = 60
      }
    }
  }

  alarm_actions = local.page
  ok_actions    = local.page
}
