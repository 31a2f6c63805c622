################################################################################
# Cluster
################################################################################

resource "aws_msk_cluster" "this" {
  count = local.msk ? 1 : 0

  cluster_name           = var.name
  kafka_version          = var.kafka_version
  number_of_broker_nodes = length(var.subnet_ids) * var.brokers_per_zone

  broker_node_group_info {
    instance_type   = var.instance_type
    client_subnets  = var.subnet_ids
    security_groups = [aws_security_group.this[0].id]

    storage_info {
      ebs_storage_info {
        volume_size = var.broker_storage_gib.initial
      }
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.this[0].arn
    revision = aws_msk_configuration.this[0].latest_revision
  }

  encryption_info {
    encryption_at_rest_kms_key_arn = var.kms_key_arn

    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }

  client_authentication {
    unauthenticated = false

    sasl {
      iam   = true
      scram = var.scram.enabled
    }

    tls {
      certificate_authority_arns = [var.authority_arn]
    }
  }

  # What the cluster says to CloudWatch beyond this is paid by metric; the rest is scraped (open monitoring).
  # https://docs.aws.amazon.com/msk/latest/developerguide/metrics-details.html
  enhanced_monitoring = "DEFAULT"

  open_monitoring {
    prometheus {
      jmx_exporter {
        enabled_in_broker = true
      }

      node_exporter {
        enabled_in_broker = true
      }
    }
  }

  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.this[0].name
      }
    }
  }

  lifecycle {
    # Storage autoscaling owns the size from the first day on; MSK never shrinks a volume.
    ignore_changes = [broker_node_group_info[0].storage_info[0].ebs_storage_info[0].volume_size]
  }

  # A plan that ends there ends before anything here is touched.
  depends_on = [terraform_data.fixed]
}

################################################################################
# Logins by SASL/SCRAM
################################################################################

# One association a user: the other resource for it takes all of a cluster's users, and removes those of anybody else.
resource "aws_msk_single_scram_secret_association" "this" {
  for_each = local.msk && var.scram.enabled ? var.scram.secret_arns : {}

  cluster_arn = aws_msk_cluster.this[0].arn
  secret_arn  = each.value
}

################################################################################
# Broker logs
################################################################################

# A name below /aws/vendedlogs is covered by one resource policy; each other group adds to one that holds 5,120 characters.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
resource "aws_cloudwatch_log_group" "this" {
  count = local.msk ? 1 : 0

  name              = "/aws/vendedlogs/${var.name}/kafka"
  kms_key_id        = var.logs.kms_key_arn
  retention_in_days = var.logs.retention_days

  depends_on = [terraform_data.fixed]
}
