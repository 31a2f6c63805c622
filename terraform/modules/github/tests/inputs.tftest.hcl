mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  repository         = "example/tillstream"
  account            = { id = "123456789012", region = "eu-central-1" }
  environments       = { prod = { name_prefix = "tillstream-prod", state_key = "prod/terraform.tfstate" } }
  images_name_prefix = "tillstream-prod"
  state              = { bucket_arn = "arn:aws:s3:::tillstream-state", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/state" }
}

run "a_name_with_capitals_is_refused" {
  command = plan

  variables {
    name = "GitHub"
  }

  expect_failures = [var.name]
}

run "a_repository_without_owner_is_refused" {
  command = plan

  variables {
    repository = "tillstream"
  }

  expect_failures = [var.repository]
}

run "a_pattern_of_repositories_is_refused" {
  command = plan

  variables {
    repository = "example/*"
  }

  expect_failures = [var.repository]
}

run "no_environment_is_refused" {
  command = plan

  variables {
    environments = {}
  }

  expect_failures = [var.environments]
}

run "an_environment_with_capitals_is_refused" {
  command = plan

  variables {
    environments = { Prod = { name_prefix = "tillstream-prod", state_key = "prod/terraform.tfstate" } }
  }

  expect_failures = [var.environments]
}

run "a_prefix_that_takes_in_the_workflows_own_roles_is_refused" {
  command = plan

  variables {
    images_name_prefix = "github"
    environments       = { prod = { name_prefix = "github", state_key = "prod/terraform.tfstate" } }
  }

  expect_failures = [var.environments]
}

run "two_environments_in_one_state_are_refused" {
  command = plan

  variables {
    environments = { dev = { name_prefix = "tillstream-dev", state_key = "all/terraform.tfstate" }, prod = { name_prefix = "tillstream-prod", state_key = "all/terraform.tfstate" } }
  }

  expect_failures = [var.environments]
}

run "a_pattern_of_states_is_refused" {
  command = plan

  variables {
    environments = { prod = { name_prefix = "tillstream-prod", state_key = "*/terraform.tfstate" } }
  }

  expect_failures = [var.environments]
}

run "the_provider_of_something_else_is_refused" {
  command = plan

  variables {
    existing_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/gitlab.com"
  }

  expect_failures = [var.existing_oidc_provider_arn]
}

run "images_of_no_environment_are_refused" {
  command = plan

  variables {
    images_name_prefix = "tillstream-test"
  }

  expect_failures = [var.images_name_prefix]
}
