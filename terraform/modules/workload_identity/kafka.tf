################################################################################
# Kafka: MSK's own actions, per topic and group, from the contracts. None where Kafka is no MSK
################################################################################

locals {
  # arn:aws:kafka:<region>:<account>:topic/<cluster>/<uuid>/<topic>
  # https://docs.aws.amazon.com/msk/latest/developerguide/kafka-actions.html#msk-iam-resources
  kafka_cluster = var.kafka == null ? "" : var.kafka.cluster_arn
  kafka_topics  = replace(local.kafka_cluster, ":cluster/", ":topic/")
  kafka_groups  = replace(local.kafka_cluster, ":cluster/", ":group/")

  consumed_topics = {
    for workload in local.workloads : workload => sort([
      for contract in values(local.feeds) : contract.topic if contains(contract.roles.consume, workload)
    ])
  }
  produced_topics = {
    for workload in local.workloads : workload => sort([
      for contract in values(local.feeds) : contract.topic if contains(contract.roles.produce, workload)
    ])
  }
  described_topics = {
    for workload in local.workloads : workload => sort([
      for contract in values(local.feeds) : contract.topic if contains(contract.roles.describe, workload)
    ])
  }

  # Each action comes with those that Kafka asks for beside it (`Required actions` of the page above).
  client_statements = {
    for workload in local.workloads : workload => concat(
      [
        for topics in [concat(local.consumed_topics[workload], local.described_topics[workload], local.produced_topics[workload])] : {
          Sid      = "ConnectToKafka"
          Effect   = "Allow"
          Action   = ["kafka-cluster:Connect"]
          Resource = [local.kafka_cluster]
        } if length(topics) > 0
      ],
      [
        for topics in [local.consumed_topics[workload]] : {
          Sid      = "ConsumeTopics"
          Effect   = "Allow"
          Action   = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"]
          Resource = [for topic in topics : "${local.kafka_topics}/${topic}"]
        } if length(topics) > 0
      ],
      [
        # A consumer's groups begin with its own name.
        for topics in [local.consumed_topics[workload]] : {
          Sid      = "ConsumeInOwnGroups"
          Effect   = "Allow"
          Action   = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]
          Resource = ["${local.kafka_groups}/${workload}*"]
        } if length(topics) > 0
      ],
      [
        for topics in [local.described_topics[workload]] : {
          Sid      = "DescribeTopics"
          Effect   = "Allow"
          Action   = ["kafka-cluster:DescribeTopic"]
          Resource = [for topic in topics : "${local.kafka_topics}/${topic}"]
        } if length(topics) > 0
      ],
      [
        for topics in [local.produced_topics[workload]] : {
          Sid      = "ProduceToTopics"
          Effect   = "Allow"
          Action   = ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"]
          Resource = [for topic in topics : "${local.kafka_topics}/${topic}"]
        } if length(topics) > 0
      ],
      [
        for topics in [local.produced_topics[workload]] : {
          Sid      = "ProduceWithoutDuplicates"
          Effect   = "Allow"
          Action   = ["kafka-cluster:WriteDataIdempotently"]
          Resource = [local.kafka_cluster]
        } if length(topics) > 0
      ],
    ) if var.kafka != null
  }

  # `tillstream topics`: AlterCluster writes ACLs, the stores' first ones included. It deletes no topic and reads no
  # message, and makes and changes those of contracts only; but it sees all, to name what no contract describes.
  administrator_statements = {
    for workload in ["topics"] : workload => [
      {
        Sid    = "AdministerCluster"
        Effect = "Allow"
        Action = [
          "kafka-cluster:AlterCluster",
          "kafka-cluster:Connect",
          "kafka-cluster:DescribeCluster",
        ]
        Resource = [local.kafka_cluster]
      },
      {
        Sid      = "SeeTopics"
        Effect   = "Allow"
        Action   = ["kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration"]
        Resource = ["${local.kafka_topics}/*"]
      },
      {
        Sid      = "MakeTopics"
        Effect   = "Allow"
        Action   = ["kafka-cluster:AlterTopicDynamicConfiguration", "kafka-cluster:CreateTopic"]
        Resource = [for topic in sort([for contract in values(local.feeds) : contract.topic]) : "${local.kafka_topics}/${topic}"]
      },
    ] if var.kafka != null
  }
}
