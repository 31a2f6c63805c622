mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name_prefix = "tillstream-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/registry"
}

run "a_prefix_with_capitals_is_refused" {
  command = plan

  variables {
    name_prefix = "Tillstream"
  }

  expect_failures = [var.name_prefix]
}

run "a_repository_with_capitals_is_refused" {
  command = plan

  variables {
    repositories = ["Spark"]
  }

  expect_failures = [var.repositories]
}

run "keeping_too_few_releases_is_refused" {
  command = plan

  variables {
    keep = { releases = 5 }
  }

  expect_failures = [var.keep]
}

run "removing_at_once_is_refused" {
  command = plan

  variables {
    keep = { untagged_days = 0 }
  }

  expect_failures = [var.keep]
}
