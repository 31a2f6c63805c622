output "oncall_topic_arn" {
  description = "Topic of what whoever is on call must know."
  value       = aws_sns_topic.this["oncall"].arn
}

output "watchdog_topic_arn" {
  description = "Topic of the watchdog: publish to it at least every four minutes, or the alarm goes off."
  value       = aws_sns_topic.this["watchdog"].arn
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = concat([for alarm in aws_cloudwatch_metric_alarm.silence : alarm.alarm_name], [aws_cloudwatch_metric_alarm.cluster_failing.alarm_name])
}
