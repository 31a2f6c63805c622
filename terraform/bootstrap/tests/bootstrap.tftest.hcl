# Planned only, with what AWS would answer known already: what must not be destroyed cannot be cleared away after a test.
mock_provider "aws" {
  override_during = plan

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/state" }
  }

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/github-tillstream-part" }
  }

  override_resource {
    target          = aws_s3_bucket.this["state"]
    override_during = plan
    values          = { id = "tillstream-state-123456789012", arn = "arn:aws:s3:::tillstream-state-123456789012" }
  }

  override_resource {
    target          = aws_s3_bucket.this["logs"]
    override_during = plan
    values          = { id = "tillstream-state-logs-123456789012", arn = "arn:aws:s3:::tillstream-state-logs-123456789012" }
  }
}

variables {
  region     = "eu-central-1"
  repository = "example/tillstream"
}

run "states_are_versioned_encrypted_closed_and_logged" {
  command = plan

  assert {
    condition     = { for name, bucket in aws_s3_bucket.this : name => bucket.bucket } == { state = "tillstream-state-123456789012", logs = "tillstream-state-logs-123456789012" }
    error_message = "The buckets bear the account's id, as their names are unique in all of AWS."
  }

  assert {
    condition     = alltrue([for versioning in aws_s3_bucket_versioning.this : versioning.versioning_configuration[0].status == "Enabled"])
    error_message = "A state that was overwritten must be there still."
  }

  assert {
    condition = jsonencode({ for name, encryption in aws_s3_bucket_server_side_encryption_configuration.this : name => [for rule in encryption.rule : [rule.apply_server_side_encryption_by_default[0].sse_algorithm, rule.apply_server_side_encryption_by_default[0].kms_master_key_id]] }) == jsonencode({
      logs  = [["AES256", null]]
      state = [["aws:kms", "arn:aws:kms:eu-central-1:123456789012:key/state"]]
    })
    error_message = "States are encrypted by a key of our own, logs by S3's, as it delivers them into no other bucket."
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "The key must be rotated."
  }

  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.this : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets]) && length(aws_s3_bucket_public_access_block.this) == 2
    error_message = "Nothing may be public."
  }

  assert {
    condition     = aws_s3_bucket_logging.this.bucket == aws_s3_bucket.this["state"].id && aws_s3_bucket_logging.this.target_bucket == aws_s3_bucket.this["logs"].id
    error_message = "Who reads and writes the states is logged."
  }
}

run "states_come_by_tls_only" {
  command = plan

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this["state"].policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["arn:aws:s3:::tillstream-state-123456789012", "arn:aws:s3:::tillstream-state-123456789012/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }]
    }
    error_message = "The bucket's policy gives nothing to anybody, and denies whatever comes without TLS."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this["logs"].policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "WriteLogs"
          Effect    = "Allow"
          Principal = { Service = "logging.s3.amazonaws.com" }
          Action    = "s3:PutObject"
          Resource  = "arn:aws:s3:::tillstream-state-logs-123456789012/state/*"
          Condition = {
            StringEquals = { "aws:SourceAccount" = "123456789012" }
            ArnLike      = { "aws:SourceArn" = "arn:aws:s3:::tillstream-state-123456789012" }
          }
        },
        {
          Sid       = "DenyWithoutTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:*"
          Resource  = ["arn:aws:s3:::tillstream-state-logs-123456789012", "arn:aws:s3:::tillstream-state-logs-123456789012/*"]
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
      ]
    }
    error_message = "S3 writes the logs of the states, and nobody else writes anything."
  }

  assert {
    condition = jsondecode(aws_kms_key.this.policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "UseAndAdministerByAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::123456789012:root" }
        Action    = "kms:*"
        Resource  = "*"
      }]
    }
    error_message = "The key is the account's, whose IAM policies say who uses it."
  }
}

run "each_environment_finds_its_state_and_its_roles" {
  command = plan

  assert {
    condition     = output.backend_configs["prod"] == "bucket       = \"${aws_s3_bucket.this["state"].id}\"\nkey          = \"prod/terraform.tfstate\"\nregion       = \"eu-central-1\"\nencrypt      = true\nkms_key_id   = \"arn:aws:kms:eu-central-1:123456789012:key/state\"\nuse_lockfile = true\n"
    error_message = "The backend's configuration must be what terraform init takes."
  }

  assert {
    condition     = strcontains(output.backend, "key          = \"bootstrap/terraform.tfstate\"") && strcontains(output.backend, "use_lockfile = true")
    error_message = "This root's own state moves into the same bucket, with a lock."
  }

  assert {
    condition     = toset(keys(output.plan_role_arns)) == toset(["dev", "prod"]) && toset(keys(output.apply_role_arns)) == toset(["dev", "prod"])
    error_message = "Each environment has both roles."
  }

  assert {
    condition     = strcontains(output.github_policies["apply-prod-base"], "arn:aws:s3:::tillstream-state-123456789012/prod/terraform.tfstate.tflock") && strcontains(output.github_policies["apply-prod-data"], "arn:aws:s3:::tillstream-prod-*")
    error_message = "The roles are those of this bucket's states and of the environment's names."
  }
}

run "cost_tags_wait_until_aws_knows_them" {
  command = plan

  assert {
    condition     = length(aws_ce_cost_allocation_tag.this) == 0
    error_message = "Activating a tag that nothing has borne yet fails: by default none is."
  }
}

run "cost_tags_are_activated_when_asked_for" {
  command = plan

  variables {
    activate_cost_tags = true
  }

  assert {
    condition     = { for tag in aws_ce_cost_allocation_tag.this : tag.tag_key => tag.status } == { for tag in ["component", "environment", "project"] : tag => "Active" }
    error_message = "The three tags must be active for billing."
  }
}

run "a_region_that_is_none_is_refused" {
  command = plan

  variables {
    region = "Frankfurt"
  }

  expect_failures = [var.region]
}
