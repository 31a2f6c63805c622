mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/tillstream-test-database-monitoring" }
  }

  mock_resource "aws_db_instance" {
    defaults = {
      address            = "tillstream-test.abc.eu-central-1.rds.amazonaws.com"
      resource_id        = "db-ABCDEFGHIJKL"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1", kms_key_id = "", secret_status = "active" }]
    }
  }
}

variables {
  name                      = "tillstream-test"
  account                   = { id = "123456789012", region = "eu-central-1" }
  vpc_id                    = "vpc-0a"
  subnet_ids                = ["subnet-0a", "subnet-0b", "subnet-0c"]
  client_security_group_ids = { cluster = "sg-0c" }
  kms_key_arn               = "arn:aws:kms:eu-central-1:123456789012:key/database"
  secrets_kms_key_arn       = "arn:aws:kms:eu-central-1:123456789012:key/secrets"
  log_retention             = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs" }
}

run "rds_makes_the_password_and_terraform_never_knows_it" {
  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.master_user_secret_kms_key_id == var.secrets_kms_key_arn && aws_db_instance.this.password == null
    error_message = "The password must be RDS's own, under the key of the secrets."
  }

  assert {
    condition     = output.master_secret_arn == "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1"
    error_message = "Clients are told where the password is."
  }
}

run "without_tls_nobody_connects" {
  assert {
    condition     = contains([for parameter in aws_db_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "rds.force_ssl=1")
    error_message = "PostgreSQL must refuse connections without TLS."
  }

  assert {
    condition     = aws_db_parameter_group.this.family == "postgres17" && aws_db_instance.this.engine_version == "17" && aws_db_instance.this.parameter_group_name == aws_db_parameter_group.this.name
    error_message = "The parameters must belong to the version, and be those of the instance."
  }
}

run "the_clients_reach_it_and_nobody_else" {
  assert {
    condition     = jsonencode([for rule in aws_vpc_security_group_ingress_rule.this : [rule.referenced_security_group_id, rule.ip_protocol, rule.from_port, rule.to_port, rule.cidr_ipv4]]) == jsonencode([["sg-0c", "tcp", 5432, 5432, null]])
    error_message = "Port 5432 is open to the security group given, and to nothing else."
  }

  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_subnet_group.this.subnet_ids == toset(var.subnet_ids) && aws_db_instance.this.vpc_security_group_ids == toset([aws_security_group.this.id])
    error_message = "The instance stands in the subnets given, without a public address."
  }
}

run "by_default_it_survives_a_zone_a_mistake_and_a_thief" {
  assert {
    condition     = aws_db_instance.this.multi_az && aws_db_instance.this.backup_retention_period == 14 && aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == "tillstream-test-final"
    error_message = "A second zone, backups, protection and a last snapshot are the default."
  }

  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == var.kms_key_arn && aws_db_instance.this.performance_insights_kms_key_id == var.kms_key_arn
    error_message = "Storage and performance data are encrypted by the key given."
  }
}

run "dev_may_be_single_and_go_without_a_trace" {
  variables {
    multi_az            = false
    backup_days         = 1
    deletion_protection = false
    final_snapshot      = false
  }

  assert {
    condition     = !aws_db_instance.this.multi_az && aws_db_instance.this.backup_retention_period == 1 && !aws_db_instance.this.deletion_protection && aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == null
    error_message = "Each safeguard must follow its variable."
  }
}

run "logs_go_to_encrypted_groups_that_end" {
  assert {
    condition     = { for group in aws_cloudwatch_log_group.this : group.name => [group.kms_key_id, group.retention_in_days] } == { for log in ["postgresql", "upgrade"] : "/aws/rds/instance/tillstream-test/${log}" => [var.log_retention.kms_key_arn, 365] }
    error_message = "The groups must be those that RDS writes to."
  }

  assert {
    condition     = aws_db_instance.this.enabled_cloudwatch_logs_exports == toset(["postgresql", "upgrade"])
    error_message = "RDS must write what the groups are for."
  }
}

run "only_the_monitoring_of_this_database_assumes_its_role" {
  assert {
    condition = jsondecode(aws_iam_role.monitoring.assume_role_policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "AssumeByMonitoring"
        Effect    = "Allow"
        Principal = { Service = "monitoring.rds.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = { "aws:SourceAccount" = "123456789012" }
          ArnLike      = { "aws:SourceArn" = "arn:aws:rds:eu-central-1:123456789012:db:tillstream-test" }
        }
      }]
    }
    error_message = "The trust policy must hold RDS to this account and database."
  }

  assert {
    condition     = aws_iam_role_policy_attachment.monitoring.policy_arn == "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole" && aws_db_instance.this.monitoring_role_arn == aws_iam_role.monitoring.arn
    error_message = "The role has AWS's own policy for it, and is the instance's."
  }
}

run "a_boundary_bounds_the_role" {
  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.monitoring.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The role must bear the boundary given."
  }
}
