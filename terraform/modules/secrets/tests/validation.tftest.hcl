# What is refused, and says what to write instead. Terraform 1.11 mocks no ephemeral resources, so this is the real
# provider, which asks nobody while nobody has a secret. What the secrets hold is seen where an environment is applied.

provider "aws" {
  region     = "eu-central-1"
  access_key = "none"
  secret_key = "none"

  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variables {
  name_prefix = "tillstream-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000001"
}

run "nobody_logs_in_so_there_is_no_secret" {
  command = plan

  assert {
    condition     = length(aws_secretsmanager_secret.scram) + length(aws_secretsmanager_secret_version.scram) == 0 && length(output.scram_secret_arns) == 0
    error_message = "A secret for nobody."
  }
}

run "nothing_fits" {
  command = plan

  variables {
    name_prefix          = "Tillstream"
    kms_key_arn          = "alias/tillstream-test-secrets"
    scram_users          = ["store 42"]
    generation           = 0
    recovery_window_days = 3
  }

  expect_failures = [var.name_prefix, var.kms_key_arn, var.scram_users, var.generation, var.recovery_window_days]
}

run "more_users_than_msk_takes" {
  command = plan

  variables {
    scram_users = [for number in range(1001) : "store-${number}"]
  }

  expect_failures = [var.scram_users]
}
