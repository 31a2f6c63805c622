variable "name" {
  description = "Name of the cluster, and beginning of the names of what belongs to it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}$", var.name))
    error_message = "name must be 2 to 39 lower-case letters, digits and dashes, beginning with a letter; for example tillstream-dev."
  }
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes; the addons of module kubernetes_nodes belong to it. [Calendar](https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html)"
  type        = string
  default     = "1.35"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "kubernetes_version must be a minor version such as 1.35: EKS chooses the patch."
  }
}

variable "support" {
  description = "STANDARD: AWS upgrades the cluster when its version's 14 months are over. EXTENDED: it stays for another 12, at six times the price. [Choice](https://docs.aws.amazon.com/eks/latest/userguide/view-upgrade-policy.html)"
  type        = string
  default     = "STANDARD"

  validation {
    condition     = contains(["STANDARD", "EXTENDED"], var.support)
    error_message = "support must be STANDARD or EXTENDED."
  }
}

variable "vpc_id" {
  description = "VPC of the cluster."
  type        = string
}

variable "control_plane_subnet_ids" {
  description = "Subnets of the control plane's network interfaces, in at least two availability zones: the intra ones, as nothing there needs the internet. [Rules](https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html)"
  type        = list(string)

  validation {
    condition     = length(var.control_plane_subnet_ids) >= 2
    error_message = "control_plane_subnet_ids must name at least two subnets, in two availability zones; give module network's intra_subnet_ids."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the cluster's secrets. It cannot be changed. [Envelope encryption](https://docs.aws.amazon.com/eks/latest/userguide/enable-kms.html)"
  type        = string
}

variable "logs" {
  description = "Key that encrypts the logs of the control plane, and how long they are kept."
  type = object({
    kms_key_arn    = string
    retention_days = optional(number, 365)
  })

  # What CloudWatch knows: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.logs.retention_days)
    error_message = "logs.retention_days must be one that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "endpoint" {
  description = "Ways to the API besides the nodes': networks joined to the VPC that may reach it (private_cidrs); the internet (public), and then only from public_cidrs. [Choice](https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html)"
  type = object({
    private_cidrs = optional(list(string), [])
    public        = optional(bool, false)
    public_cidrs  = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for cidr in concat(var.endpoint.private_cidrs, var.endpoint.public_cidrs) : can(cidrnetmask(cidr))])
    error_message = "endpoint.private_cidrs and endpoint.public_cidrs must be IPv4 networks such as 203.0.113.0/24."
  }

  validation {
    condition     = var.endpoint.public == (length(var.endpoint.public_cidrs) > 0)
    error_message = "endpoint.public and endpoint.public_cidrs go together: say public = true and the networks that may connect, or neither."
  }

  validation {
    condition     = !anytrue([for cidr in concat(var.endpoint.private_cidrs, var.endpoint.public_cidrs) : endswith(cidr, "/0")])
    error_message = "endpoint.private_cidrs and endpoint.public_cidrs must not be all of the internet (/0); name the networks of those who administer the cluster."
  }
}

variable "access" {
  description = "Who may do what in the cluster, by a name of your choice: an IAM role or user, a policy (cluster-admin, admin, edit, view), and namespaces, if not all. [Policies](https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html)"
  type = map(object({
    principal_arn = string
    policy        = string
    namespaces    = optional(list(string), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for entry in values(var.access) : contains(["cluster-admin", "admin", "edit", "view"], entry.policy)])
    error_message = "access.policy must be cluster-admin, admin, edit or view."
  }

  validation {
    condition     = alltrue([for entry in values(var.access) : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/", entry.principal_arn))])
    error_message = "access.principal_arn must be the ARN of an IAM role or user; for a role of IAM Identity Center the role's, not the session's (sts)."
  }

  validation {
    condition     = alltrue([for entry in values(var.access) : length(entry.namespaces) == 0 if entry.policy == "cluster-admin"])
    error_message = "access.namespaces cannot narrow cluster-admin; use admin for namespaces."
  }
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds the role made here. [Boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html)"
  type        = string
  default     = null
}
