output "mode" {
  description = "Who runs Kafka, as it was when the environment was made."
  value       = terraform_data.fixed.output.mode
}

output "cluster_arn" {
  description = "ARN of the cluster; null with strimzi."
  value       = one(aws_msk_cluster.this[*].arn)
}

output "cluster_name" {
  description = "Name of the cluster; null with strimzi."
  value       = one(aws_msk_cluster.this[*].cluster_name)
}

output "cluster_uuid" {
  description = "The part of the cluster's ARN that the ARNs of its topics and groups have, too; null with strimzi. [ARNs](https://docs.aws.amazon.com/msk/latest/developerguide/kafka-actions.html)"
  value       = one(aws_msk_cluster.this[*].cluster_uuid)
}

output "bootstrap" {
  description = "Addresses of the brokers by way in: tls (stores), iam (workloads), scram (null where it is off); null with strimzi."
  value = local.msk ? {
    tls   = aws_msk_cluster.this[0].bootstrap_brokers_tls
    iam   = aws_msk_cluster.this[0].bootstrap_brokers_sasl_iam
    scram = var.scram.enabled ? aws_msk_cluster.this[0].bootstrap_brokers_sasl_scram : null
  } : null
}

output "security_group_id" {
  description = "The brokers' security group; null with strimzi."
  value       = one(aws_security_group.this[*].id)
}

output "log_group_name" {
  description = "Where the brokers' logs are; null with strimzi."
  value       = one(aws_cloudwatch_log_group.this[*].name)
}
