mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/tillstream-test-control-plane" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/eks/tillstream-test/cluster" }
  }

  mock_resource "aws_eks_cluster" {
    defaults = {
      arn                   = "arn:aws:eks:eu-central-1:123456789012:cluster/tillstream-test"
      endpoint              = "https://0123456789ABCDEF.gr7.eu-central-1.eks.amazonaws.com"
      certificate_authority = [{ data = "LS0t" }]
      identity              = [{ oidc = [{ issuer = "https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF" }] }]
    }
  }

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF" }
  }
}

variables {
  name                     = "tillstream-test"
  vpc_id                   = "vpc-0a"
  control_plane_subnet_ids = ["subnet-0a", "subnet-0b", "subnet-0c"]
  kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:key/kubernetes"
  logs                     = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs" }
}

run "by_default_the_api_is_private_and_its_secrets_are_encrypted" {
  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "The API must be reached from within the VPC only."
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.this) == 0
    error_message = "Nobody but the nodes may reach the API unless networks are named."
  }

  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].resources == toset(["secrets"]) && aws_eks_cluster.this.encryption_config[0].provider[0].key_arn == var.kms_key_arn
    error_message = "Secrets must be encrypted by the key given."
  }

  assert {
    condition     = aws_eks_cluster.this.version == "1.35" && aws_eks_cluster.this.upgrade_policy[0].support_type == "STANDARD"
    error_message = "The version is pinned, and does not slide into extended support at six times the price."
  }
}

run "the_control_plane_logs_everything_into_an_encrypted_group" {
  assert {
    condition     = aws_eks_cluster.this.enabled_cluster_log_types == toset(["api", "audit", "authenticator", "controllerManager", "scheduler"])
    error_message = "All five logs must be on."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/eks/tillstream-test/cluster" && aws_cloudwatch_log_group.this.kms_key_id == var.logs.kms_key_arn && aws_cloudwatch_log_group.this.retention_in_days == 365
    error_message = "The group must be the one that EKS writes to, encrypted, and end after a year."
  }
}

run "eks_alone_assumes_the_role_of_the_control_plane" {
  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "AssumeByKubernetes"
        Effect    = "Allow"
        Principal = { Service = "eks.amazonaws.com" }
        Action    = "sts:AssumeRole"
      }]
    }
    error_message = "The trust policy must name EKS and nobody else."
  }

  assert {
    condition     = aws_iam_role_policy_attachment.this.policy_arn == "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
    error_message = "The role has AWS's own policy for control planes, and no other."
  }
}

run "service_accounts_are_believed_by_iam" {
  assert {
    condition     = aws_iam_openid_connect_provider.this.url == "https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF" && aws_iam_openid_connect_provider.this.client_id_list == toset(["sts.amazonaws.com"])
    error_message = "The provider must be the cluster's issuer, for tokens made for STS."
  }

  assert {
    condition     = output.oidc_provider.issuer == "https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF"
    error_message = "The issuer is handed on as a URL, as module workload_identity takes it."
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
