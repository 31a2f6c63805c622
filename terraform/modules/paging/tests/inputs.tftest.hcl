mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name_prefix  = "tillstream-test"
  account      = { id = "123456789012", region = "eu-central-1" }
  kms_key_arn  = "arn:aws:kms:eu-central-1:123456789012:key/paging"
  cluster_name = "tillstream-test"
  budget       = { monthly_usd = 500, tag_value = "tillstream-test" }
}

run "a_prefix_with_capitals_is_refused" {
  command = plan

  variables {
    name_prefix = "Tillstream"
  }

  expect_failures = [var.name_prefix]
}

run "an_address_that_is_none_is_refused" {
  command = plan

  variables {
    oncall_emails = ["oncall"]
  }

  expect_failures = [var.oncall_emails]
}

run "a_budget_of_nothing_is_refused" {
  command = plan

  variables {
    budget = { monthly_usd = 0, tag_value = "tillstream-test" }
  }

  expect_failures = [var.budget]
}
