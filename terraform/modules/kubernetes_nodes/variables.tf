variable "cluster" {
  description = "The cluster of module kubernetes: its name and its minor version."
  type = object({
    name               = string
    kubernetes_version = string
  })
}

variable "subnet_ids" {
  description = "Private subnets of the nodes, one in each availability zone."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name at least two subnets, in two availability zones; give module network's private_subnet_ids."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the nodes' volumes; Auto Scaling's service-linked role must be allowed to use it. [Key policy](https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html)"
  type        = string
}

variable "addon_role_arns" {
  description = "Roles of the addons' service accounts, by module workload_identity."
  type = object({
    vpc_cni = string
    ebs_csi = string
  })
}

variable "addon_versions" {
  description = "Versions of the addons, which belong to a version of Kubernetes; `aws eks describe-addon-versions` lists them. [Addons](https://docs.aws.amazon.com/eks/latest/userguide/workloads-add-ons-available-eks.html)"
  type = object({
    vpc_cni    = optional(string, "v1.21.1-eksbuild.3")
    kube_proxy = optional(string, "v1.35.3-eksbuild.2")
    coredns    = optional(string, "v1.13.2-eksbuild.4")
    ebs_csi    = optional(string, "v1.57.1-eksbuild.1")
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for version in values(var.addon_versions) : can(regex("^v[0-9]+\\.[0-9]+\\.[0-9]+-eksbuild\\.[0-9]+$", version))])
    error_message = "addon_versions must be whole versions such as v1.21.1-eksbuild.3: a part of one would be upgraded by chance."
  }

  validation {
    condition     = startswith(var.addon_versions.kube_proxy, "v${var.cluster.kubernetes_version}.")
    error_message = "addon_versions.kube_proxy must be of the cluster's own minor version; upgrade both in one change."
  }
}

variable "node_groups" {
  description = "Sizes of the two groups: core (on demand, for what must stay) and spark (spot, for executors; several types of one size, so that one that is short does not stop them). [Spot](https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html#managed-node-group-capacity-types)"
  type = object({
    core = optional(object({
      instance_types = optional(list(string), ["m7i.large"])
      minimum        = optional(number, 2)
      maximum        = optional(number, 4)
      disk_gib       = optional(number, 50)
    }), {})
    spark = optional(object({
      instance_types = optional(list(string), ["m7i.xlarge", "m7a.xlarge", "m6i.xlarge", "m6a.xlarge"])
      minimum        = optional(number, 0)
      maximum        = optional(number, 4)
      disk_gib       = optional(number, 100)
    }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.node_groups.core.minimum >= 2
    error_message = "node_groups.core.minimum must be at least 2: with one node its replacement is an outage."
  }

  validation {
    condition     = alltrue([for group in values(var.node_groups) : group.minimum >= 0 && group.maximum >= max(group.minimum, 1)])
    error_message = "node_groups.*.maximum must be at least 1, and not below minimum."
  }

  validation {
    condition     = length(var.node_groups.core.instance_types) >= 1 && length(var.node_groups.spark.instance_types) >= 2
    error_message = "node_groups.core.instance_types must name a type, node_groups.spark.instance_types at least two of one size: AWS runs out of spot instances type by type."
  }

  validation {
    condition     = alltrue([for group in values(var.node_groups) : group.disk_gib >= 20])
    error_message = "node_groups.*.disk_gib must be at least 20: the system and one image of Spark fill 10."
  }
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds the role made here. [Boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html)"
  type        = string
  default     = null
}
