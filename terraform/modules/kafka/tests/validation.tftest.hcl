# What is refused, and says what to write instead. Every other value of a run is right.

mock_provider "aws" {}

variables {
  name          = "tillstream-test"
  mode          = "msk"
  vpc_id        = "vpc-1"
  subnet_ids    = ["subnet-a", "subnet-b", "subnet-c"]
  authority_arn = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/00000000-0000-0000-0000-000000000003"
  kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000004"
  logs          = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000005" }
}

run "nothing_fits" {
  command = plan

  variables {
    name               = "Tillstream"
    subnet_ids         = ["subnet-a", "subnet-b"]
    kafka_version      = "3.6.0"
    instance_type      = "kafka.t3.small"
    brokers_per_zone   = 0
    broker_storage_gib = { initial = 200, maximum = 100 }
    logs               = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000005", retention_days = 100 }
    scram              = { secret_arns = { store-0042 = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_store-0042" } }
    stores_cidrs       = ["0.0.0.0/0"]
  }

  expect_failures = [
    var.name, var.subnet_ids, var.kafka_version, var.instance_type, var.brokers_per_zone, var.broker_storage_gib, var.logs, var.scram, var.stores_cidrs,
  ]
}

run "unknown_mode" {
  command = plan

  variables {
    mode = "confluent"
  }

  expect_failures = [var.mode]
}

run "msk_without_authority_or_key" {
  command = plan

  variables {
    authority_arn = null
    kms_key_arn   = null
  }

  expect_failures = [var.authority_arn, var.kms_key_arn]
}

run "more_than_msk_gives" {
  command = plan

  variables {
    broker_storage_gib = { maximum = 20000 }
    brokers_per_zone   = 21
    scram              = { enabled = true, secret_arns = { for number in range(1001) : "store-${number}" => "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_${number}" } }
    stores_cidrs       = ["stores"]
  }

  expect_failures = [var.broker_storage_gib, var.brokers_per_zone, var.scram, var.stores_cidrs]
}
