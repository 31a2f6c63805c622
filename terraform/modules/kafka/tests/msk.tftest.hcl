# Kafka run by AWS: by TLS only, three ways to log in, and nobody else's ports.

mock_provider "aws" {
  mock_resource "aws_msk_cluster" {
    defaults = {
      arn                          = "arn:aws:kafka:eu-central-1:123456789012:cluster/tillstream-test/00000000-0000-0000-0000-000000000001-2"
      cluster_uuid                 = "00000000-0000-0000-0000-000000000001-2"
      bootstrap_brokers_tls        = "b-1:9094"
      bootstrap_brokers_sasl_iam   = "b-1:9098"
      bootstrap_brokers_sasl_scram = "b-1:9096"
    }
  }

  mock_resource "aws_msk_configuration" {
    defaults = {
      arn             = "arn:aws:kafka:eu-central-1:123456789012:configuration/tillstream-test/00000000-0000-0000-0000-000000000002-2"
      latest_revision = 7
    }
  }

  mock_resource "aws_security_group" {
    defaults = { id = "sg-brokers" }
  }
}

variables {
  name          = "tillstream-test"
  mode          = "msk"
  vpc_id        = "vpc-1"
  subnet_ids    = ["subnet-a", "subnet-b", "subnet-c"]
  authority_arn = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/00000000-0000-0000-0000-000000000003"
  kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000004"
  logs          = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000005" }
  stores_cidrs  = ["10.64.0.0/12", "172.20.0.0/16"]

  workload_security_group_ids   = { nodes = "sg-nodes" }
  prometheus_security_group_ids = { nodes = "sg-nodes" }
}

run "made_for_good" {
  assert {
    condition     = output.mode == "msk" && output.cluster_name == "tillstream-test" && output.cluster_uuid == "00000000-0000-0000-0000-000000000001-2" && endswith(output.cluster_arn, output.cluster_uuid)
    error_message = "The cluster's names are not its own."
  }

  assert {
    condition     = jsonencode(output.bootstrap) == jsonencode({ iam = "b-1:9098", scram = null, tls = "b-1:9094" })
    error_message = "The addresses are not those of the ways in."
  }

  assert {
    condition     = aws_msk_cluster.this[0].kafka_version == "4.1.x.kraft" && aws_msk_cluster.this[0].number_of_broker_nodes == 3
    error_message = "Not three brokers in KRaft mode."
  }

  assert {
    condition     = one(aws_msk_cluster.this[0].broker_node_group_info).security_groups == toset(["sg-brokers"]) && output.security_group_id == "sg-brokers"
    error_message = "The brokers have other security groups than their own."
  }

  assert {
    condition     = one(aws_msk_cluster.this[0].configuration_info).revision == 7
    error_message = "The cluster does not follow the newest revision of its configuration."
  }
}

run "only_by_tls_and_never_unknown" {
  command = plan

  assert {
    condition     = one(one(aws_msk_cluster.this[0].encryption_info).encryption_in_transit) == { client_broker = "TLS", in_cluster = true }
    error_message = "Something on the wire may be readable."
  }

  assert {
    condition     = one(aws_msk_cluster.this[0].encryption_info).encryption_at_rest_kms_key_arn == var.kms_key_arn
    error_message = "The volumes are not encrypted by the key given."
  }

  assert {
    condition     = one(aws_msk_cluster.this[0].client_authentication).unauthenticated == false
    error_message = "Somebody may come without a log-in."
  }

  assert {
    condition     = one(one(aws_msk_cluster.this[0].client_authentication).tls).certificate_authority_arns == toset([var.authority_arn])
    error_message = "Certificates of others than our authority are taken."
  }

  assert {
    condition     = one(one(aws_msk_cluster.this[0].client_authentication).sasl) == { iam = true, scram = false }
    error_message = "Not IAM alone beside certificates."
  }
}

run "a_lost_broker_loses_nothing_and_no_acl_means_no" {
  command = plan

  assert {
    condition = alltrue([
      for line in [
        "allow.everyone.if.no.acl.found=false",
        "auto.create.topics.enable=false",
        "default.replication.factor=3",
        "min.insync.replicas=2",
        "unclean.leader.election.enable=false",
      ] : contains(split("\n", aws_msk_configuration.this[0].server_properties), line)
    ])
    error_message = "The brokers' configuration lacks a property."
  }

  assert {
    condition     = aws_msk_configuration.this[0].kafka_versions == null
    error_message = "An upgrade of Kafka would replace the configuration that the cluster uses."
  }
}

run "each_port_for_whom_it_is" {
  command = plan

  assert {
    condition = toset([
      for rule in concat(values(aws_vpc_security_group_ingress_rule.stores), values(aws_vpc_security_group_ingress_rule.workloads), values(aws_vpc_security_group_ingress_rule.prometheus)) :
      "${coalesce(rule.cidr_ipv4, rule.referenced_security_group_id)} ${rule.ip_protocol} ${rule.from_port}-${rule.to_port}"
      ]) == toset([
      "10.64.0.0/12 tcp 9094-9094",
      "172.20.0.0/16 tcp 9094-9094",
      "sg-nodes tcp 9098-9098",
      "sg-nodes tcp 11001-11002",
    ])
    error_message = "Another port is open, or to somebody else."
  }
}

run "observed_by_prometheus_and_cloudwatch" {
  command = plan

  assert {
    condition     = one(one(one(aws_msk_cluster.this[0].open_monitoring).prometheus).jmx_exporter).enabled_in_broker && one(one(one(aws_msk_cluster.this[0].open_monitoring).prometheus).node_exporter).enabled_in_broker
    error_message = "An exporter is off."
  }

  assert {
    condition     = one(one(one(aws_msk_cluster.this[0].logging_info).broker_logs).cloudwatch_logs) == { enabled = true, log_group = "/aws/vendedlogs/tillstream-test/kafka" }
    error_message = "The brokers' logs go nowhere."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this[0].kms_key_id == var.logs.kms_key_arn && aws_cloudwatch_log_group.this[0].retention_in_days == 365
    error_message = "The brokers' logs are not encrypted by the key given, or not kept for a year."
  }
}

run "storage_grows_and_never_shrinks" {
  command = plan

  assert {
    condition     = one(one(one(aws_msk_cluster.this[0].broker_node_group_info).storage_info).ebs_storage_info).volume_size == 100
    error_message = "The volumes do not begin as small as asked."
  }

  assert {
    condition     = aws_appautoscaling_target.storage[0].max_capacity == 1000 && aws_appautoscaling_target.storage[0].resource_id == aws_msk_cluster.this[0].arn && aws_appautoscaling_target.storage[0].scalable_dimension == "kafka:broker-storage:VolumeSize"
    error_message = "The cluster's volumes do not grow to the maximum."
  }

  assert {
    condition     = one(aws_appautoscaling_policy.storage[0].target_tracking_scaling_policy_configuration).disable_scale_in && one(aws_appautoscaling_policy.storage[0].target_tracking_scaling_policy_configuration).target_value == 60
    error_message = "The policy does not grow volumes at 60 %, or would shrink them."
  }
}

run "a_size_that_autoscaling_has_changed_is_left_alone" {
  command = plan

  variables {
    broker_storage_gib = { initial = 400 }
  }

  assert {
    condition     = one(one(one(aws_msk_cluster.this[0].broker_node_group_info).storage_info).ebs_storage_info).volume_size == 100
    error_message = "A plan would change what autoscaling owns."
  }
}

run "scram_opens_its_port_and_knows_its_users" {
  command = plan

  variables {
    scram = { enabled = true, secret_arns = { store-0042 = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_store-0042" } }
  }

  assert {
    condition     = one(one(aws_msk_cluster.this[0].client_authentication).sasl) == { iam = true, scram = true }
    error_message = "SCRAM is not on beside IAM."
  }

  assert {
    condition     = tomap({ for user, association in aws_msk_single_scram_secret_association.this : user => association.secret_arn }) == var.scram.secret_arns
    error_message = "Not exactly the users given."
  }

  assert {
    condition     = sort([for rule in aws_vpc_security_group_ingress_rule.stores : "${rule.cidr_ipv4} ${rule.from_port}-${rule.to_port}"]) == tolist(["10.64.0.0/12 9094-9094", "10.64.0.0/12 9096-9096", "172.20.0.0/16 9094-9094", "172.20.0.0/16 9096-9096"])
    error_message = "The stores reach other ports than 9094 and 9096."
  }

  assert {
    condition     = output.bootstrap.scram == "b-1:9096"
    error_message = "The address for SCRAM is not given."
  }
}

run "another_mode_ends_at_plan" {
  command = plan

  variables {
    mode = "strimzi"
  }

  expect_failures = [terraform_data.fixed]
}

run "another_name_would_replace_the_brokers_and_ends_at_plan" {
  command = plan

  variables {
    name = "tillstream-other"
  }

  expect_failures = [terraform_data.fixed]
}

run "other_subnets_would_replace_the_brokers_and_end_at_plan" {
  command = plan

  variables {
    subnet_ids = ["subnet-a", "subnet-b", "subnet-d"]
  }

  expect_failures = [terraform_data.fixed]
}

run "another_key_would_replace_the_brokers_and_ends_at_plan" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000009"
  }

  expect_failures = [terraform_data.fixed]
}

run "what_replaces_nothing_may_change" {
  command = plan

  variables {
    kafka_version    = "4.0.x.kraft"
    instance_type    = "kafka.m7g.xlarge"
    brokers_per_zone = 2
  }

  assert {
    condition     = aws_msk_cluster.this[0].number_of_broker_nodes == 6 && aws_msk_cluster.this[0].kafka_version == "4.0.x.kraft" && one(aws_msk_cluster.this[0].broker_node_group_info).instance_type == "kafka.m7g.xlarge"
    error_message = "The cluster does not follow."
  }
}
