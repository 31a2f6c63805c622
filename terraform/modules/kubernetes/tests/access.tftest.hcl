mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name                     = "tillstream-test"
  vpc_id                   = "vpc-0a"
  control_plane_subnet_ids = ["subnet-0a", "subnet-0b", "subnet-0c"]
  kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:key/kubernetes"
  logs                     = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs" }
}

run "access_is_by_entries_only_and_whoever_applies_is_nobody" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "Neither aws-auth nor the creator may give access."
  }

  assert {
    condition     = length(aws_eks_access_entry.this) == 0
    error_message = "Nobody has access unless named."
  }
}

run "an_entry_has_its_policy_for_the_cluster_or_its_namespaces" {
  command = plan

  variables {
    access = {
      operators = { principal_arn = "arn:aws:iam::123456789012:role/operators", policy = "cluster-admin" }
      analysts  = { principal_arn = "arn:aws:iam::123456789012:role/analysts", policy = "view", namespaces = ["tillstream"] }
    }
  }

  assert {
    condition     = { for name, entry in aws_eks_access_entry.this : name => entry.principal_arn } == { operators = "arn:aws:iam::123456789012:role/operators", analysts = "arn:aws:iam::123456789012:role/analysts" }
    error_message = "There must be an entry for each, and no other."
  }

  assert {
    condition = { for name, association in aws_eks_access_policy_association.this : name => association.policy_arn } == {
      operators = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
      analysts  = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    }
    error_message = "Each must have the policy it asks for."
  }

  assert {
    condition     = aws_eks_access_policy_association.this["operators"].access_scope[0].type == "cluster" && aws_eks_access_policy_association.this["analysts"].access_scope[0].type == "namespace" && aws_eks_access_policy_association.this["analysts"].access_scope[0].namespaces == toset(["tillstream"])
    error_message = "Namespaces must narrow the policy, and their absence must not."
  }
}

run "networks_that_are_named_reach_the_private_api_by_https" {
  command = plan

  variables {
    endpoint = { private_cidrs = ["10.8.0.0/16"] }
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.this : [rule.cidr_ipv4, rule.ip_protocol, rule.from_port, rule.to_port]] == [["10.8.0.0/16", "tcp", 443, 443]]
    error_message = "The network named, and nothing else, reaches port 443."
  }

  assert {
    condition     = !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "Private networks do not open the API to the internet."
  }
}

run "the_public_api_is_open_to_the_networks_named_only" {
  command = plan

  variables {
    endpoint = { public = true, public_cidrs = ["203.0.113.0/24"] }
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["203.0.113.0/24"])
    error_message = "The public API must be open to the network named and to no other."
  }
}
