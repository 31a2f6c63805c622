mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_default_tags" {
    defaults = { tags = { project = "tillstream", environment = "tillstream-test" } }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/tillstream-test-node" }
  }

  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0", latest_version = 7 }
  }
}

variables {
  cluster         = { name = "tillstream-test", kubernetes_version = "1.35" }
  subnet_ids      = ["subnet-0a", "subnet-0b", "subnet-0c"]
  kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/kubernetes"
  addon_role_arns = { vpc_cni = "arn:aws:iam::123456789012:role/tillstream-test-vpc-cni", ebs_csi = "arn:aws:iam::123456789012:role/tillstream-test-ebs-csi" }
}

run "core_is_on_demand_and_spark_is_spot_for_those_who_tolerate_it" {
  assert {
    condition     = aws_eks_node_group.this["core"].capacity_type == "ON_DEMAND" && length(aws_eks_node_group.this["core"].taint) == 0
    error_message = "What must stay runs on demand, and core takes every pod."
  }

  assert {
    condition     = aws_eks_node_group.this["spark"].capacity_type == "SPOT" && [for taint in aws_eks_node_group.this["spark"].taint : [taint.key, taint.value, taint.effect]] == [["tillstream.io/pool", "spark", "NO_SCHEDULE"]]
    error_message = "Spot nodes take only pods that tolerate them."
  }

  assert {
    condition     = alltrue([for name, group in aws_eks_node_group.this : group.labels == tomap({ "tillstream.io/pool" = name })])
    error_message = "Each node says which pool it is of."
  }

  assert {
    condition     = aws_eks_node_group.this["spark"].scaling_config[0].min_size == 0 && aws_eks_node_group.this["core"].scaling_config[0].min_size == 2
    error_message = "Executors cost nothing while there are none, and core outlives the loss of a node."
  }

  assert {
    condition     = alltrue([for name, group in aws_eks_node_group.this : group.launch_template[0].version == "7" && group.version == "1.35" && group.subnet_ids == toset(var.subnet_ids)])
    error_message = "Groups follow their launch template and the version of the cluster, in the private subnets."
  }

  assert {
    condition     = output.pools.spark == { label = { key = "tillstream.io/pool", value = "spark" }, taint = { key = "tillstream.io/pool", value = "spark", effect = "NoSchedule" } } && output.pools.core.taint == null
    error_message = "The manifests are told label and taint as Kubernetes spells them."
  }
}

run "a_pod_cannot_reach_the_credentials_of_its_node" {
  assert {
    condition     = alltrue([for template in aws_launch_template.this : template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "IMDS must want a token and answer no further than one hop."
  }
}

run "volumes_are_encrypted_gp3" {
  assert {
    condition     = alltrue([for template in aws_launch_template.this : [for device in template.block_device_mappings : [device.device_name, device.ebs[0].volume_type, device.ebs[0].encrypted, device.ebs[0].kms_key_id]] == [["/dev/xvda", "gp3", "true", var.kms_key_arn]]])
    error_message = "The root volume, and no other, must be gp3 and encrypted by the key given."
  }
}

run "nodes_bear_the_cost_tags" {
  assert {
    condition     = alltrue([for name, template in aws_launch_template.this : { for tags in template.tag_specifications : tags.resource_type => tags.tags } == { for type in ["instance", "network-interface", "volume"] : type => tomap({ project = "tillstream", environment = "tillstream-test", Name = "tillstream-test-${name}" }) }])
    error_message = "EC2 does not pass the provider's tags on: instances, their interfaces and volumes must bear them."
  }
}

run "a_node_has_no_more_than_a_kubelet_needs" {
  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy) == {
      Version   = "2012-10-17"
      Statement = [{ Sid = "AssumeByNodes", Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }]
    }
    error_message = "Instances alone assume the role."
  }

  assert {
    condition     = toset([for attachment in aws_iam_role_policy_attachment.this : attachment.policy_arn]) == toset(["arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy", "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"])
    error_message = "No policy of the network, no session manager, nothing else."
  }
}

run "addons_are_pinned_and_act_by_roles_of_their_own" {
  assert {
    condition = jsonencode({ for addon in [aws_eks_addon.vpc_cni, aws_eks_addon.kube_proxy, aws_eks_addon.coredns, aws_eks_addon.ebs_csi] : addon.addon_name => [addon.addon_version, addon.service_account_role_arn] }) == jsonencode({
      vpc-cni            = ["v1.21.1-eksbuild.3", "arn:aws:iam::123456789012:role/tillstream-test-vpc-cni"]
      kube-proxy         = ["v1.35.3-eksbuild.2", null]
      coredns            = ["v1.13.2-eksbuild.4", null]
      aws-ebs-csi-driver = ["v1.57.1-eksbuild.1", "arn:aws:iam::123456789012:role/tillstream-test-ebs-csi"]
    })
    error_message = "Each addon has its version, and those that call AWS their role."
  }

  assert {
    condition     = jsondecode(aws_eks_addon.vpc_cni.configuration_values) == { enableNetworkPolicy = "true" }
    error_message = "Network policies must be enforced."
  }
}

run "a_boundary_bounds_the_role" {
  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.this.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The role must bear the boundary given."
  }
}
