"""The brokers, by the names of MSK's open monitoring."""

from dashboards.model import ANY_IS_BAD, Board, Panel, Query, Row, red_from

DISKS = '{job="kafka-node", mountpoint=~"/kafka.*"}'

BOARD = Board(
    uid="tillstream-kafka",
    title="Kafka",
    told="Do the brokers take in and give out everything, and have they room?",
    rows=(
        Row(
            "Health",
            (
                Panel(
                    "Brokers that do not answer",
                    "stat",
                    (Query('count(up{job="kafka"} == 0) or vector(0)', "down"),),
                    "short",
                    "A scrape that fails.",
                    height=4,
                    width=6,
                    thresholds=ANY_IS_BAD,
                    runbook="KafkaBrokerDown",
                ),
                Panel(
                    "Partitions that lack a copy",
                    "stat",
                    (Query('sum(kafka_server_ReplicaManager_Value{name="UnderReplicatedPartitions"})', "partitions"),),
                    "short",
                    "One more loss and stores cannot send.",
                    height=4,
                    width=6,
                    thresholds=ANY_IS_BAD,
                    runbook="KafkaUnderReplicated",
                ),
                Panel(
                    "Partitions below min.insync.replicas",
                    "stat",
                    (Query('sum(kafka_server_ReplicaManager_Value{name="UnderMinIsrPartitionCount"})', "partitions"),),
                    "short",
                    "Whoever sends to them is refused, and waits.",
                    height=4,
                    width=6,
                    thresholds=ANY_IS_BAD,
                    runbook="KafkaUnderMinIsr",
                ),
                Panel(
                    "Partitions without a leader",
                    "stat",
                    (
                        Query(
                            'sum(kafka_controller_KafkaController_Value{name="OfflinePartitionsCount"})', "partitions"
                        ),
                    ),
                    "short",
                    "They can be neither written nor read.",
                    height=4,
                    width=6,
                    thresholds=ANY_IS_BAD,
                    runbook="KafkaOfflinePartition",
                ),
            ),
        ),
        Row(
            "Traffic",
            (
                Panel(
                    "Messages in",
                    "timeseries",
                    (
                        Query(
                            'sum by (topic) (kafka_server_BrokerTopicMetrics_OneMinuteRate{name="MessagesInPerSec", '
                            'topic!=""})',
                            "{{topic}}",
                        ),
                    ),
                    "cps",
                    "By topic, over the last minute.",
                    width=6,
                ),
                Panel(
                    "Bytes in and out",
                    "timeseries",
                    (
                        Query(
                            'sum(kafka_server_BrokerTopicMetrics_OneMinuteRate{name="BytesInPerSec", topic=""})', "in"
                        ),
                        Query(
                            'sum(kafka_server_BrokerTopicMetrics_OneMinuteRate{name="BytesOutPerSec", topic=""})', "out"
                        ),
                    ),
                    "Bps",
                    "Of all topics, over the last minute.",
                    width=6,
                ),
                Panel(
                    "How long a request takes",
                    "timeseries",
                    (
                        Query(
                            'max by (request) (kafka_network_RequestMetrics_99thPercentile{name="TotalTimeMs", '
                            'request=~"Produce|FetchConsumer"})',
                            "{{request}}",
                        ),
                    ),
                    "ms",
                    "99 of 100 are faster. A fetch waits for messages, up to half a second.",
                    width=6,
                ),
                Panel(
                    "Partitions that lack a copy, by broker",
                    "timeseries",
                    (
                        Query(
                            'sum by (instance) (kafka_server_ReplicaManager_Value{name="UnderReplicatedPartitions"})',
                            "{{instance}}",
                        ),
                    ),
                    "short",
                    "Leaders tell of their followers: the broker that is missing is the one that none of them is.",
                    width=6,
                    runbook="KafkaUnderReplicated",
                ),
            ),
        ),
        Row(
            "Room and doors",
            (
                Panel(
                    "Size of topics",
                    "timeseries",
                    (Query('sum by (topic) (kafka_log_Log_Value{name="Size", topic!~"__.*"})', "{{topic}}"),),
                    "bytes",
                    "All copies together.",
                    width=6,
                    runbook="KafkaDiskFilling",
                ),
                Panel(
                    "Room on the brokers' disks",
                    "timeseries",
                    (
                        Query(
                            f"min by (instance) (node_filesystem_avail_bytes{DISKS}"
                            f" / node_filesystem_size_bytes{DISKS})",
                            "{{instance}}",
                        ),
                    ),
                    "percentunit",
                    "Free share of each. It pages when three days more would fill it.",
                    width=6,
                    runbook="KafkaDiskFilling",
                ),
                Panel(
                    "Connections",
                    "timeseries",
                    (
                        Query(
                            "sum by (listener) (kafka_server_socket_server_metrics_connection_count)",
                            "{{listener}}",
                        ),
                    ),
                    "short",
                    "By the way in.",
                    width=6,
                ),
                Panel(
                    "Log-ins that were refused",
                    "timeseries",
                    (
                        Query(
                            "sum by (listener) ("
                            "rate(kafka_server_socket_server_metrics_failed_authentication_total[5m])"
                            " or rate(kafka_server_socket_server_metrics_failed_authentication[5m]))",
                            "{{listener}}",
                        ),
                    ),
                    "cps",
                    "A store that was revoked tries on, slowly.",
                    width=6,
                    thresholds=red_from(0.2),
                    runbook="KafkaAuthenticationFailures",
                ),
            ),
        ),
    ),
)
