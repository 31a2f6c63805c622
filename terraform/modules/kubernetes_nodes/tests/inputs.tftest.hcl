mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_default_tags" {
    defaults = { tags = {} }
  }
}

variables {
  cluster         = { name = "tillstream-test", kubernetes_version = "1.35" }
  subnet_ids      = ["subnet-0a", "subnet-0b"]
  kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/kubernetes"
  addon_role_arns = { vpc_cni = "arn:aws:iam::123456789012:role/vpc-cni", ebs_csi = "arn:aws:iam::123456789012:role/ebs-csi" }
}

run "one_subnet_is_refused" {
  command = plan

  variables {
    subnet_ids = ["subnet-0a"]
  }

  expect_failures = [var.subnet_ids]
}

run "a_part_of_a_version_is_refused" {
  command = plan

  variables {
    addon_versions = { coredns = "v1.13" }
  }

  expect_failures = [var.addon_versions]
}

run "a_kube_proxy_of_another_minor_version_is_refused" {
  command = plan

  variables {
    cluster = { name = "tillstream-test", kubernetes_version = "1.36" }
  }

  expect_failures = [var.addon_versions]
}

run "a_core_of_one_node_is_refused" {
  command = plan

  variables {
    node_groups = { core = { minimum = 1 } }
  }

  expect_failures = [var.node_groups]
}

run "a_maximum_below_the_minimum_is_refused" {
  command = plan

  variables {
    node_groups = { spark = { minimum = 5, maximum = 4 } }
  }

  expect_failures = [var.node_groups]
}

run "a_group_of_no_nodes_is_refused" {
  command = plan

  variables {
    node_groups = { spark = { maximum = 0 } }
  }

  expect_failures = [var.node_groups]
}

run "a_single_type_of_spot_instance_is_refused" {
  command = plan

  variables {
    node_groups = { spark = { instance_types = ["m7i.xlarge"] } }
  }

  expect_failures = [var.node_groups]
}

run "a_disk_too_small_for_an_image_is_refused" {
  command = plan

  variables {
    node_groups = { core = { disk_gib = 10 } }
  }

  expect_failures = [var.node_groups]
}
