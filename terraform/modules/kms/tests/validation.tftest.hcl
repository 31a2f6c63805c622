# What is refused, and says what to write instead. Every other value of a run is right.

mock_provider "aws" {}

variables {
  name_prefix = "tillstream-test"
  account_id  = "123456789012"
  region      = "eu-central-1"
}

run "nothing_fits" {
  command = plan

  variables {
    name_prefix          = "Tillstream"
    account_id           = "1234"
    region               = "Frankfurt"
    deletion_window_days = 3
  }

  expect_failures = [var.name_prefix, var.account_id, var.region, var.deletion_window_days]
}
