# Contents of bucket policies, lifecycle and catalog, and every validation message. No AWS: the provider is mocked.

mock_provider "aws" {
  override_during = plan

  override_resource {
    target = aws_s3_bucket.this["lake"]
    values = { id = "till-lake", arn = "arn:aws:s3:::till-lake" }
  }
  override_resource {
    target = aws_s3_bucket.this["checkpoints"]
    values = { id = "till-checkpoints", arn = "arn:aws:s3:::till-checkpoints" }
  }
  override_resource {
    target = aws_s3_bucket.this["artifacts"]
    values = { id = "till-artifacts", arn = "arn:aws:s3:::till-artifacts" }
  }
  override_resource {
    target = aws_s3_bucket.this["access-logs"]
    values = { id = "till-access-logs", arn = "arn:aws:s3:::till-access-logs" }
  }
}

variables {
  name_prefix         = "till"
  account_id          = "123456789012"
  contracts_directory = "../../../contracts"
}

run "keys_of_s3" {
  command = plan

  assert {
    condition = alltrue([
      for name, policy in output.bucket_policies :
      [for statement in jsondecode(policy).Statement : statement.Sid if statement.Effect == "Deny"] == ["DenyWithoutTls"]
    ])
    error_message = "Without a key of one's own, a bucket refuses what does not come by TLS, and nothing else."
  }

  assert {
    condition = jsondecode(output.bucket_policies["lake"]).Statement[0] == {
      Sid       = "DenyWithoutTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::till-lake", "arn:aws:s3:::till-lake/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
    error_message = "TLS is demanded of everyone, for the bucket and all that is in it."
  }

  assert {
    condition = alltrue([
      for encryption in aws_s3_bucket_server_side_encryption_configuration.this :
      one(one(encryption.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    ])
    error_message = "Without a key the buckets are encrypted by S3's own."
  }

  assert {
    condition     = length(aws_glue_catalog_database.this) == 0 && length(aws_glue_catalog_table.this) == 0 && output.glue_database_name == null
    error_message = "Without a catalog there is no Glue."
  }

  assert {
    condition     = toset(keys(aws_s3_bucket_metric.this)) == toset(["artifacts", "checkpoints", "lake"])
    error_message = "Requests are measured by default, but for those that log requests."
  }
}

run "access_logs" {
  command = plan

  assert {
    condition = jsondecode(output.bucket_policies["access-logs"]).Statement[0] == {
      Sid       = "AllowAccessLogs"
      Effect    = "Allow"
      Principal = { Service = "logging.s3.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource = [
        "arn:aws:s3:::till-access-logs/artifacts/*",
        "arn:aws:s3:::till-access-logs/checkpoints/*",
        "arn:aws:s3:::till-access-logs/lake/*",
      ]
      Condition = {
        ArnEquals    = { "aws:SourceArn" = ["arn:aws:s3:::till-artifacts", "arn:aws:s3:::till-checkpoints", "arn:aws:s3:::till-lake"] }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      }
    }
    error_message = "S3's log delivery writes for the three buckets of this account, before anything is denied."
  }

  assert {
    condition     = { for name, logging in aws_s3_bucket_logging.this : name => logging.target_prefix } == { artifacts = "artifacts/", checkpoints = "checkpoints/", lake = "lake/" }
    error_message = "Every bucket but the log's own logs below its own prefix."
  }
}

run "key_of_ones_own" {
  command = plan

  variables {
    kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/lake"
    request_metrics = false
    catalog         = { database = "till" }
  }

  assert {
    condition = {
      for statement in jsondecode(output.bucket_policies["lake"]).Statement : statement.Sid => statement.Condition if statement.Action == "s3:PutObject"
      } == {
      DenyOtherEncryption = {
        Null            = { "s3:x-amz-server-side-encryption" = "false" }
        StringNotEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
      }
      DenyKeyOfAws = {
        Null = { "s3:x-amz-server-side-encryption" = "false", "s3:x-amz-server-side-encryption-aws-kms-key-id" = "true" }
      }
      DenyOtherKeys = {
        Null         = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
        ArnNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "arn:aws:kms:eu-central-1:123456789012:key/lake" }
      }
      DenyKeysOfTheSender = { Null = { "s3:x-amz-server-side-encryption-customer-algorithm" = "false" } }
    }
    error_message = "Another algorithm, another key, that of AWS and one of the sender are refused; a put that names none is not."
  }

  assert {
    condition = {
      for name, encryption in aws_s3_bucket_server_side_encryption_configuration.this :
      name => one(one(encryption.rule).apply_server_side_encryption_by_default).sse_algorithm
    } == { access-logs = "AES256", artifacts = "aws:kms", checkpoints = "aws:kms", lake = "aws:kms" }
    error_message = "The key encrypts every bucket but that of the access logs, which S3 writes under its own."
  }

  assert {
    condition     = [for statement in jsondecode(output.bucket_policies["access-logs"]).Statement : statement.Sid] == ["AllowAccessLogs", "DenyWithoutTls"]
    error_message = "The delivery of logs is not refused for the key it uses."
  }

  assert {
    condition     = length(aws_s3_bucket_metric.this) == 0
    error_message = "Request metrics can be switched off."
  }

  assert {
    condition     = output.glue_database_name == "till" && length(aws_glue_catalog_table.this) == 15
    error_message = "Every table of the lake stands in the catalog."
  }

  assert {
    condition = alltrue([
      for name, table in aws_glue_catalog_table.this :
      table.table_type == "EXTERNAL_TABLE"
      && table.parameters["table_type"] == "DELTA"
      && table.parameters["spark.sql.sources.provider"] == "delta"
      && one(table.storage_descriptor).location == "s3://till-lake/${name}/"
      && length(table.partition_keys) == 0
    ])
    error_message = "A table is external, Delta to Athena and to Spark, at its place in the lake; partitions are its log's."
  }

  assert {
    condition     = slice([for column in one(aws_glue_catalog_table.this["receipts"].storage_descriptor).columns : "${column.name} ${column.type}"], 0, 5) == ["kafka_topic_id string", "kafka_partition int", "kafka_offset bigint", "ordinal int", "kafka_timestamp timestamp"]
    error_message = "Columns are the contract's."
  }
}

run "lifecycle" {
  command = plan

  assert {
    condition = alltrue([
      for configuration in aws_s3_bucket_lifecycle_configuration.this : alltrue([
        for id in ["expire-old-versions", "abort-unfinished-uploads"] :
        contains([for rule in configuration.rule : rule.id if rule.status == "Enabled"], id)
      ])
    ])
    error_message = "In every bucket old versions and unfinished uploads go."
  }

  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.this["lake"].rule : one(rule.filter).prefix => one(rule.transition).storage_class if length(rule.transition) > 0
      } == {
      "control_total_tenders/dt="  = "INTELLIGENT_TIERING"
      "control_totals/dt="         = "INTELLIGENT_TIERING"
      "duplicates/feed="           = "INTELLIGENT_TIERING"
      "inventory_items/dt="        = "INTELLIGENT_TIERING"
      "inventory_movements/dt="    = "INTELLIGENT_TIERING"
      "operations/dt="             = "INTELLIGENT_TIERING"
      "quality_partitions/dt="     = "INTELLIGENT_TIERING"
      "quality_results/judged_on=" = "INTELLIGENT_TIERING"
      "quarantine/feed="           = "INTELLIGENT_TIERING"
      "receipt_lines/dt="          = "INTELLIGENT_TIERING"
      "receipt_tenders/dt="        = "INTELLIGENT_TIERING"
      "receipts/dt="               = "INTELLIGENT_TIERING"
      "sales_per_minute/dt="       = "INTELLIGENT_TIERING"
    }
    error_message = "Rows move to Intelligent-Tiering; logs of tables, below none of these prefixes, never move."
  }

  assert {
    condition = alltrue([
      for name, configuration in aws_s3_bucket_lifecycle_configuration.this :
      alltrue([for rule in configuration.rule : length(rule.transition) == 0]) if name != "lake"
    ])
    error_message = "Nothing else moves: checkpoints least of all."
  }

  assert {
    condition = {
      for name, configuration in aws_s3_bucket_lifecycle_configuration.this :
      name => [for rule in configuration.rule : one(rule.expiration).days if rule.id == "expire-access-logs"]
    } == { access-logs = [365], artifacts = [], checkpoints = [], lake = [] }
    error_message = "Current objects expire among the access logs only."
  }
}

run "name_prefix" {
  command = plan
  variables {
    name_prefix = "Till_"
  }
  expect_failures = [var.name_prefix]
}

run "account_id" {
  command = plan
  variables {
    account_id = "1234"
  }
  expect_failures = [var.account_id]
}

run "kms_key_arn" {
  command = plan
  variables {
    kms_key_arn = "alias/lake"
  }
  expect_failures = [var.kms_key_arn]
}

run "retention_days" {
  command = plan
  variables {
    retention_days = { lake = 0 }
  }
  expect_failures = [var.retention_days]
}

run "access_log_days" {
  command = plan
  variables {
    access_log_days = 0.5
  }
  expect_failures = [var.access_log_days]
}

run "catalog" {
  command = plan
  variables {
    catalog = { database = "till-prod" }
  }
  expect_failures = [var.catalog]
}
