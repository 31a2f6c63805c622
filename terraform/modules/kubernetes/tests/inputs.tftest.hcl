mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name                     = "tillstream-test"
  vpc_id                   = "vpc-0a"
  control_plane_subnet_ids = ["subnet-0a", "subnet-0b"]
  kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:key/kubernetes"
  logs                     = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs" }
}

run "a_name_with_capitals_is_refused" {
  command = plan

  variables {
    name = "Tillstream"
  }

  expect_failures = [var.name]
}

run "a_patch_version_is_refused" {
  command = plan

  variables {
    kubernetes_version = "1.35.3"
  }

  expect_failures = [var.kubernetes_version]
}

run "an_unknown_support_is_refused" {
  command = plan

  variables {
    support = "standard"
  }

  expect_failures = [var.support]
}

run "one_subnet_is_refused" {
  command = plan

  variables {
    control_plane_subnet_ids = ["subnet-0a"]
  }

  expect_failures = [var.control_plane_subnet_ids]
}

run "a_retention_that_cloudwatch_does_not_know_is_refused" {
  command = plan

  variables {
    logs = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs", retention_days = 100 }
  }

  expect_failures = [var.logs]
}

run "an_address_that_is_no_network_is_refused" {
  command = plan

  variables {
    endpoint = { private_cidrs = ["10.8.0.0"] }
  }

  expect_failures = [var.endpoint]
}

run "public_without_networks_is_refused" {
  command = plan

  variables {
    endpoint = { public = true }
  }

  expect_failures = [var.endpoint]
}

run "public_networks_without_public_are_refused" {
  command = plan

  variables {
    endpoint = { public_cidrs = ["203.0.113.0/24"] }
  }

  expect_failures = [var.endpoint]
}

run "all_of_the_internet_is_refused" {
  command = plan

  variables {
    endpoint = { public = true, public_cidrs = ["0.0.0.0/0"] }
  }

  expect_failures = [var.endpoint]
}

run "an_unknown_policy_is_refused" {
  command = plan

  variables {
    access = { operators = { principal_arn = "arn:aws:iam::123456789012:role/operators", policy = "root" } }
  }

  expect_failures = [var.access]
}

run "a_session_is_refused_where_a_role_is_meant" {
  command = plan

  variables {
    access = { operators = { principal_arn = "arn:aws:sts::123456789012:assumed-role/operators/me", policy = "admin" } }
  }

  expect_failures = [var.access]
}

run "a_cluster_admin_of_a_namespace_is_refused" {
  command = plan

  variables {
    access = { operators = { principal_arn = "arn:aws:iam::123456789012:role/operators", policy = "cluster-admin", namespaces = ["tillstream"] } }
  }

  expect_failures = [var.access]
}
