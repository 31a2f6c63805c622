variable "name" {
  description = "Name of the cluster, and beginning of the names of everything else."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,29}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must be 4 to 31 lower-case letters, digits and single dashes, beginning with a letter; for example tillstream-dev."
  }
}

variable "environment" {
  description = "The environment's folder below argocd/overlays, and the value of the tag `environment` by which its cost is counted."
  type        = string
}

variable "account" {
  description = "Where all of this is made."
  type = object({
    id        = string
    region    = string
    partition = string
  })
}

variable "contracts_directory" {
  description = "The repository's folder contracts."
  type        = string
}

variable "repository" {
  description = "The repository that Argo CD follows: owner/name on GitHub, and a branch."
  type = object({
    name     = string
    revision = optional(string, "main")
  })

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$", var.repository.name))
    error_message = "repository.name must be owner/name as on GitHub; for example example/tillstream."
  }
}

variable "network" {
  description = "The VPC's network, its three zones, and NAT gateways: single or per_az. See module network."
  type = object({
    cidr               = string
    availability_zones = list(string)
    nat                = string
  })
}

variable "stores" {
  description = "The stores' networks and their way in. See module network."
  type = object({
    cidrs  = optional(set(string), [])
    way_in = optional(string, "none")
    vpn_gateways = optional(map(object({
      ip_address = string
      bgp_asn    = optional(number)
    })), {})
    transit_gateway_id = optional(string)
  })
  default  = {}
  nullable = false
}

variable "kafka" {
  description = "Who runs Kafka (msk or strimzi), and the size of the brokers. Whoever is named in scram_users logs in by password; existing_authority_arn is an authority of one's own for the certificates of the others. See module kafka."
  type = object({
    mode                   = string
    instance_type          = optional(string, "kafka.m7g.large")
    brokers_per_zone       = optional(number, 1)
    broker_storage_gib     = optional(object({ initial = number, maximum = number }), { initial = 100, maximum = 1000 })
    existing_authority_arn = optional(string)
    scram_users            = optional(set(string), [])
  })
}

variable "kubernetes" {
  description = "Ways to the API besides the nodes', who may do what, and the sizes of the node groups. See modules kubernetes and kubernetes_nodes."
  type = object({
    endpoint = optional(object({
      private_cidrs = optional(list(string), [])
      public        = optional(bool, false)
      public_cidrs  = optional(list(string), [])
    }), {})
    access = optional(map(object({
      principal_arn = string
      policy        = string
      namespaces    = optional(list(string), [])
    })), {})
    node_groups = optional(object({
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
    }), {})
  })
  default  = {}
  nullable = false
}

variable "database" {
  description = "Size of Airflow's database, whether a second instance stands by, and how far back it can be restored. See module database."
  type = object({
    instance_class = optional(string, "db.t4g.medium")
    multi_az       = optional(bool, true)
    backup_days    = optional(number, 14)
  })
  default  = {}
  nullable = false
}

variable "oncall_emails" {
  description = "Addresses of whoever is on call. See module paging."
  type        = set(string)
  default     = []
}

variable "monthly_budget_usd" {
  description = "What the environment may cost a month before somebody is paged; docs/aws.md says what it does cost."
  type        = number
}

variable "log_days" {
  description = "How long logs are kept: of the control plane, the brokers, the database, the network, and of who asked S3 for what."
  type        = number
  default     = 365
}

variable "disposable" {
  description = "Whether destroying the environment destroys its data, too. Apply true before you destroy it; until then AWS refuses, or keeps what it can be restored from."
  type        = bool
  default     = false
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds every role made here. [Boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html)"
  type        = string
  default     = null
}
