mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name                      = "tillstream-test"
  account                   = { id = "123456789012", region = "eu-central-1" }
  vpc_id                    = "vpc-0a"
  subnet_ids                = ["subnet-0a", "subnet-0b"]
  client_security_group_ids = { cluster = "sg-0c" }
  kms_key_arn               = "arn:aws:kms:eu-central-1:123456789012:key/database"
  secrets_kms_key_arn       = "arn:aws:kms:eu-central-1:123456789012:key/secrets"
  log_retention             = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs" }
}

run "a_name_that_rds_refuses_is_refused" {
  command = plan

  variables {
    name = "tillstream--test"
  }

  expect_failures = [var.name]
}

run "a_name_that_ends_in_a_dash_is_refused" {
  command = plan

  variables {
    name = "tillstream-"
  }

  expect_failures = [var.name]
}

run "one_subnet_is_refused" {
  command = plan

  variables {
    subnet_ids = ["subnet-0a"]
  }

  expect_failures = [var.subnet_ids]
}

run "a_retention_that_cloudwatch_does_not_know_is_refused" {
  command = plan

  variables {
    log_retention = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs", days = 100 }
  }

  expect_failures = [var.log_retention]
}

run "a_minor_version_is_refused" {
  command = plan

  variables {
    engine_version = "17.4"
  }

  expect_failures = [var.engine_version]
}

run "a_version_that_airflow_does_not_know_is_refused" {
  command = plan

  variables {
    engine_version = "12"
  }

  expect_failures = [var.engine_version]
}

run "a_database_with_a_dash_is_refused" {
  command = plan

  variables {
    database_name = "air-flow"
  }

  expect_failures = [var.database_name]
}

run "a_class_of_another_service_is_refused" {
  command = plan

  variables {
    instance_class = "m7i.large"
  }

  expect_failures = [var.instance_class]
}

run "a_class_too_small_is_refused" {
  command = plan

  variables {
    instance_class = "db.t4g.micro"
  }

  expect_failures = [var.instance_class]
}

run "storage_that_is_too_small_is_refused" {
  command = plan

  variables {
    storage_gib = { initial = 10 }
  }

  expect_failures = [var.storage_gib]
}

run "storage_that_cannot_grow_is_refused" {
  command = plan

  variables {
    storage_gib = { initial = 90 }
  }

  expect_failures = [var.storage_gib]
}

run "no_backups_are_refused" {
  command = plan

  variables {
    backup_days = 0
  }

  expect_failures = [var.backup_days]
}

run "backups_longer_than_rds_keeps_are_refused" {
  command = plan

  variables {
    backup_days = 36
  }

  expect_failures = [var.backup_days]
}
