# Kafka run in the Kubernetes cluster: nothing of MSK, and no way back by a variable.

mock_provider "aws" {}

variables {
  name         = "tillstream-test"
  mode         = "strimzi"
  vpc_id       = "vpc-1"
  subnet_ids   = ["subnet-a", "subnet-b", "subnet-c"]
  logs         = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000005" }
  stores_cidrs = ["10.64.0.0/12"]
  scram        = { enabled = true, secret_arns = { store-0042 = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_store-0042" } }

  workload_security_group_ids   = { nodes = "sg-nodes" }
  prometheus_security_group_ids = { nodes = "sg-nodes" }
}

run "makes_nothing" {
  assert {
    condition = sum([
      length(aws_appautoscaling_policy.storage),
      length(aws_appautoscaling_target.storage),
      length(aws_cloudwatch_log_group.this),
      length(aws_msk_cluster.this),
      length(aws_msk_configuration.this),
      length(aws_msk_single_scram_secret_association.this),
      length(aws_security_group.this),
      length(aws_vpc_security_group_ingress_rule.prometheus),
      length(aws_vpc_security_group_ingress_rule.stores),
      length(aws_vpc_security_group_ingress_rule.workloads),
    ]) == 0
    error_message = "Something of MSK is made."
  }

  assert {
    condition     = output.mode == "strimzi"
    error_message = "The mode is not strimzi."
  }

  assert {
    condition     = alltrue([for value in [output.cluster_arn, output.cluster_name, output.cluster_uuid, output.security_group_id, output.log_group_name] : value == null]) && output.bootstrap == null
    error_message = "Something of MSK is put out."
  }
}

run "subnets_may_change_where_no_broker_is_in_them" {
  command = plan

  variables {
    subnet_ids = ["subnet-a", "subnet-b", "subnet-d"]
  }

  assert {
    condition     = output.mode == "strimzi"
    error_message = "The mode is not strimzi."
  }
}

run "another_mode_ends_at_plan" {
  command = plan

  variables {
    mode          = "msk"
    authority_arn = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/00000000-0000-0000-0000-000000000003"
    kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000004"
  }

  expect_failures = [terraform_data.fixed]
}
