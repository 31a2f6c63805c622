"""What the boards' queries ask for."""

# What boards ask for and Tillstream's own programs do not export, and whose it is.
FOREIGN = {
    "ALERTS": "Prometheus' own",
    "up": "Prometheus' own",
    "argocd_app_sync_total": "Argo CD's, on the cluster only",
    "airflow_dagrun_duration_failed_milliseconds": "Airflow's",
    "airflow_dagrun_duration_success_milliseconds": "Airflow's",
    "airflow_scheduler_heartbeat_total": "Airflow's",
    "aws_s3_all_requests_sum": "CloudWatch's, on AWS only",
    "aws_s3_4xx_errors_sum": "CloudWatch's, on AWS only",
    "aws_s3_5xx_errors_sum": "CloudWatch's, on AWS only",
    "kafka_controller_KafkaController_Value": "the brokers'",
    "kafka_log_Log_Value": "the brokers'",
    "kafka_network_RequestMetrics_99thPercentile": "the brokers'",
    "kafka_server_BrokerTopicMetrics_OneMinuteRate": "the brokers'",
    "kafka_server_ReplicaManager_Value": "the brokers'",
    "kafka_server_socket_server_metrics_connection_count": "the brokers'",
    "kafka_server_socket_server_metrics_failed_authentication": "the brokers', on one machine",
    "kafka_server_socket_server_metrics_failed_authentication_total": "the brokers', by MSK's older agent",
    "metrics_executor_activeTasks": "Spark's, of executors",
    "metrics_executor_failedTasks_total": "Spark's, of executors",
    "metrics_executor_totalGCTime_seconds_total": "Spark's, of executors",
    "node_filesystem_avail_bytes": "the brokers' machines', port 11002 of MSK",
    "node_filesystem_size_bytes": "the brokers' machines', port 11002 of MSK",
}
