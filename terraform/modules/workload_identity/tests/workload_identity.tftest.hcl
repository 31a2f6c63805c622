# Contents of policies in each kind of environment, and every validation message. No AWS: the provider is mocked.
# The permissions one by one stand in tests/support/permissions_table.py, which is held to these policies as applied.

mock_provider "aws" {}

variables {
  name_prefix         = "till"
  account             = { id = "123456789012", region = "eu-central-1" }
  contracts_directory = "../../../contracts"
  cluster             = { name = "till", vpc_id = "vpc-1" }
  oidc_provider = {
    arn    = "arn:aws:iam::123456789012:oidc-provider/oidc.example/id/1"
    issuer = "https://oidc.example/id/1"
  }
  buckets = {
    lake        = { name = "till-lake", arn = "arn:aws:s3:::till-lake" }
    checkpoints = { name = "till-checkpoints", arn = "arn:aws:s3:::till-checkpoints" }
    artifacts   = { name = "till-artifacts", arn = "arn:aws:s3:::till-artifacts" }
  }
  kms_keys = {
    lake    = "arn:aws:kms:eu-central-1:123456789012:key/lake"
    secrets = "arn:aws:kms:eu-central-1:123456789012:key/secrets"
    paging  = "arn:aws:kms:eu-central-1:123456789012:key/paging"
    volumes = "arn:aws:kms:eu-central-1:123456789012:key/volumes"
  }
  kafka       = { cluster_arn = "arn:aws:kafka:eu-central-1:123456789012:cluster/till/uuid-1" }
  secret_arns = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:airflow-AbCdEf"]
  paging = {
    oncall_topic_arn   = "arn:aws:sns:eu-central-1:123456789012:oncall"
    watchdog_topic_arn = "arn:aws:sns:eu-central-1:123456789012:watchdog"
  }
}

run "trust" {
  command = plan

  assert {
    condition = {
      for workload, policy in output.trust_policies :
      workload => one(jsondecode(policy).Statement).Condition.StringEquals["oidc.example/id/1:sub"]
      } == {
      airflow             = "system:serviceaccount:airflow:airflow"
      airflow-triggerer   = "system:serviceaccount:airflow:airflow-triggerer"
      alertmanager        = "system:serviceaccount:monitoring:alertmanager"
      cloudwatch-exporter = "system:serviceaccount:monitoring:cloudwatch-exporter"
      cluster-autoscaler  = "system:serviceaccount:kube-system:cluster-autoscaler"
      ebs-csi             = "system:serviceaccount:kube-system:ebs-csi-controller-sa"
      external-secrets    = "system:serviceaccount:external-secrets:external-secrets"
      grafana             = "system:serviceaccount:monitoring:grafana"
      lake-exporter       = "system:serviceaccount:tillstream:lake-exporter"
      quality             = "system:serviceaccount:tillstream:quality"
      reference-data      = "system:serviceaccount:tillstream:reference-data"
      spark-batch         = "system:serviceaccount:tillstream:spark-batch"
      spark-ingest        = "system:serviceaccount:tillstream:spark-ingest"
      topics              = "system:serviceaccount:tillstream:topics"
      upkeep              = "system:serviceaccount:tillstream:upkeep"
      vpc-cni             = "system:serviceaccount:kube-system:aws-node"
    }
    error_message = "Each role trusts exactly its own service account."
  }

  assert {
    condition = alltrue([
      for policy in values(output.trust_policies) : one(jsondecode(policy).Statement) == {
        Sid       = "AssumeByServiceAccount"
        Effect    = "Allow"
        Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/oidc.example/id/1" }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = {
          StringEquals = {
            "oidc.example/id/1:aud" = "sts.amazonaws.com"
            "oidc.example/id/1:sub" = one(jsondecode(policy).Statement).Condition.StringEquals["oidc.example/id/1:sub"]
          }
        }
      }
    ])
    error_message = "A role is assumed by web identity alone, of this provider, for the audience of STS, all compared as whole strings."
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.this : role.permissions_boundary == null])
    error_message = "Without a boundary there is none."
  }
}

run "every_statement" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for policy in values(output.policies) : [
        for statement in jsondecode(policy).Statement : statement.Effect == "Allow" && alltrue([for action in statement.Action : !strcontains(action, "*")])
      ]
    ]))
    error_message = "Policies grant actions one by one."
  }

  # Each with its reason in the table of permissions.
  assert {
    condition = sort(flatten([
      for workload, policy in output.policies : [
        for statement in jsondecode(policy).Statement : "${workload} ${statement.Sid}" if contains(statement.Resource, "*")
      ]
    ])) == tolist(["cloudwatch-exporter ReadMetrics", "cluster-autoscaler SeeGroups", "ebs-csi SeeVolumes", "vpc-cni SeeInterfaces"])
    error_message = "Everything is a resource only where AWS knows none."
  }

  assert {
    condition = alltrue(flatten([
      for policy in values(output.policies) : [
        for statement in jsondecode(policy).Statement : can(statement.Condition) if anytrue([for action in statement.Action : startswith(action, "kms:")]) || contains(statement.Resource, "*")
      ]
    ]))
    error_message = "Keys are used in a service's hands only, and what has no resource has a condition."
  }

  assert {
    condition     = alltrue([for policy in values(output.policies) : length(policy) < 10240])
    error_message = "IAM takes 10,240 characters a role."
  }
}

run "msk" {
  command = plan

  assert {
    condition = {
      for statement in jsondecode(output.policies["spark-ingest"]).Statement : statement.Sid => concat(statement.Action, statement.Resource)
      if contains(["ConnectToKafka", "ConsumeTopics", "ConsumeInOwnGroups"], statement.Sid)
      } == {
      ConnectToKafka = ["kafka-cluster:Connect", "arn:aws:kafka:eu-central-1:123456789012:cluster/till/uuid-1"]
      ConsumeTopics = [
        "kafka-cluster:DescribeTopic",
        "kafka-cluster:ReadData",
        "arn:aws:kafka:eu-central-1:123456789012:topic/till/uuid-1/pos.receipts.v1",
        "arn:aws:kafka:eu-central-1:123456789012:topic/till/uuid-1/store.control-totals.v1",
        "arn:aws:kafka:eu-central-1:123456789012:topic/till/uuid-1/store.inventory.v1",
        "arn:aws:kafka:eu-central-1:123456789012:topic/till/uuid-1/store.operations.v1",
      ]
      ConsumeInOwnGroups = [
        "kafka-cluster:AlterGroup",
        "kafka-cluster:DescribeGroup",
        "arn:aws:kafka:eu-central-1:123456789012:group/till/uuid-1/spark-ingest*",
      ]
    }
    error_message = "A consumer reads the topics of its contracts, in groups of its own name."
  }

  assert {
    condition = {
      for statement in jsondecode(output.policies["airflow-triggerer"]).Statement : statement.Sid => concat(statement.Action, statement.Resource)
      if anytrue([for action in statement.Action : startswith(action, "kafka-cluster:")])
      } == {
      ConnectToKafka = ["kafka-cluster:Connect", "arn:aws:kafka:eu-central-1:123456789012:cluster/till/uuid-1"]
      DescribeTopics = [
        "kafka-cluster:DescribeTopic",
        "arn:aws:kafka:eu-central-1:123456789012:topic/till/uuid-1/pos.receipts.v1",
        "arn:aws:kafka:eu-central-1:123456789012:topic/till/uuid-1/store.control-totals.v1",
        "arn:aws:kafka:eu-central-1:123456789012:topic/till/uuid-1/store.inventory.v1",
        "arn:aws:kafka:eu-central-1:123456789012:topic/till/uuid-1/store.operations.v1",
      ]
    }
    error_message = "Who may describe sees where the topics of its contracts end, and joins no group."
  }

  assert {
    condition     = [for statement in jsondecode(output.policies["topics"]).Statement : statement.Sid] == ["AdministerCluster", "SeeTopics", "MakeTopics"]
    error_message = "Kafka's administrator has Kafka's rights and no others."
  }

  assert {
    condition     = !strcontains(jsonencode(output.policies), "kafka-cluster:Delete") && !strcontains(output.policies["topics"], "ReadData")
    error_message = "Nobody deletes topics, and the administrator reads no message."
  }

  assert {
    condition     = !strcontains(output.policies["spark-batch"], "kafka")
    error_message = "Who consumes nothing has no business with Kafka."
  }
}

run "who_may_describe" {
  command = plan

  assert {
    condition = one([for statement in jsondecode(output.policies["airflow-triggerer"]).Statement : statement.Resource if statement.Sid == "ReadLake"]) == [
      "arn:aws:s3:::till-lake/receipts/_delta_log/*",
      "arn:aws:s3:::till-lake/_batches/pos.receipts/*",
      "arn:aws:s3:::till-lake/control_totals/_delta_log/*",
      "arn:aws:s3:::till-lake/_batches/store.control-totals/*",
      "arn:aws:s3:::till-lake/inventory_movements/_delta_log/*",
      "arn:aws:s3:::till-lake/_batches/store.inventory/*",
      "arn:aws:s3:::till-lake/operations/_delta_log/*",
      "arn:aws:s3:::till-lake/_batches/store.operations/*",
      "arn:aws:s3:::till-lake/sales_per_minute/_delta_log/*",
    ]
    error_message = "It reads logs and manifests, and no row."
  }

  assert {
    condition     = length([for statement in jsondecode(output.policies["airflow-triggerer"]).Statement : statement if contains(["WriteLake", "DeleteLake"], statement.Sid)]) == 0
    error_message = "It changes nothing in the lake."
  }
}

run "kafka_is_no_msk" {
  command = plan

  variables {
    kafka = null
  }

  assert {
    condition     = !strcontains(jsonencode(output.policies), "kafka")
    error_message = "Without MSK there are no rights to it."
  }

  assert {
    condition     = length(jsondecode(output.policies["topics"]).Statement) == 0 && !contains(keys(aws_iam_role_policy.this), "topics") && contains(keys(aws_iam_role.this), "topics")
    error_message = "A workload without rights has a role and no policy."
  }
}

run "keys_of_aws_nobody_paged_no_secrets" {
  command = plan

  variables {
    kms_keys    = null
    paging      = null
    secret_arns = []
  }

  assert {
    condition     = !strcontains(jsonencode(output.policies), "kms:")
    error_message = "Keys of AWS need no leave."
  }

  assert {
    condition     = alltrue([for workload in ["alertmanager", "grafana", "external-secrets"] : length(jsondecode(output.policies[workload]).Statement) == 0])
    error_message = "Who has nothing to do may do nothing."
  }
}

run "boundary_and_namespaces" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    namespaces               = { platform = "sales" }
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.this : role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"])
    error_message = "The boundary bounds every role."
  }

  assert {
    condition     = output.service_accounts["quality"] == { namespace = "sales", name = "quality" } && output.service_accounts["grafana"].namespace == "monitoring"
    error_message = "Namespaces can be called otherwise, each by itself."
  }
}

run "name_prefix" {
  command = plan
  variables {
    name_prefix = "till_"
  }
  expect_failures = [var.name_prefix]
}

run "account_id" {
  command = plan
  variables {
    account = { id = "1234", region = "eu-central-1" }
  }
  expect_failures = [var.account]
}

run "account_region" {
  command = plan
  variables {
    account = { id = "123456789012", region = "Frankfurt" }
  }
  expect_failures = [var.account]
}

run "account_partition" {
  command = plan
  variables {
    account = { id = "123456789012", region = "cn-north-1", partition = "aws-cn" }
  }
  expect_failures = [var.account]
}

run "oidc_provider" {
  command = plan
  variables {
    oidc_provider = { arn = "arn:aws:iam::123456789012:oidc-provider/oidc.example", issuer = "oidc.example" }
  }
  expect_failures = [var.oidc_provider]
}

run "cluster" {
  command = plan
  variables {
    cluster = { name = "*", vpc_id = "vpc-1" }
  }
  expect_failures = [var.cluster]
}

run "namespaces" {
  command = plan
  variables {
    namespaces = { platform = "*" }
  }
  expect_failures = [var.namespaces]
}

run "kms_keys" {
  command = plan
  variables {
    kms_keys = { lake = "alias/lake", secrets = "alias/s", paging = "alias/p", volumes = "alias/v" }
  }
  expect_failures = [var.kms_keys]
}

run "kafka" {
  command = plan
  variables {
    kafka = { cluster_arn = "arn:aws:kafka:eu-central-1:123456789012:cluster/till/*" }
  }
  expect_failures = [var.kafka]
}

run "secret_arns" {
  command = plan
  variables {
    secret_arns = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:*"]
  }
  expect_failures = [var.secret_arns]
}

run "paging" {
  command = plan
  variables {
    paging = { oncall_topic_arn = "oncall", watchdog_topic_arn = "watchdog" }
  }
  expect_failures = [var.paging]
}

run "permissions_boundary_arn" {
  command = plan
  variables {
    permissions_boundary_arn = "boundary"
  }
  expect_failures = [var.permissions_boundary_arn]
}

run "more_feeds_than_a_policy_holds" {
  command = plan
  variables {
    contracts_directory = "./tests/too_many"
  }
  expect_failures = [aws_iam_role_policy.this]
}
