variable "name_prefix" {
  description = "Beginning of the roles' names: <name_prefix>-<workload>."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9-]{2,40}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 40 letters, digits and dashes; for example tillstream-dev."
  }
}

variable "account" {
  description = "Where the roles work: account, region and partition stand in the ARNs they may use."
  type = object({
    id        = string
    region    = string
    partition = optional(string, "aws")
  })

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account.id))
    error_message = "account.id must be the account's twelve digits, in quotation marks; for example \"123456789012\"."
  }

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.account.region))
    error_message = "account.region must be a region's name; for example eu-central-1."
  }

  validation {
    condition     = contains(["aws", "aws-us-gov"], var.account.partition)
    error_message = "account.partition must be aws or aws-us-gov: services in China have other names."
  }
}

variable "oidc_provider" {
  description = "The cluster's IAM OIDC provider: its ARN, and its issuer as an https URL. [IRSA](https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html)"
  type = object({
    arn    = string
    issuer = string
  })

  validation {
    condition     = startswith(var.oidc_provider.issuer, "https://")
    error_message = "oidc_provider.issuer must be the issuer's URL, beginning with https://."
  }
}

variable "cluster" {
  description = "The EKS cluster whose volumes, network interfaces and node groups its own workloads may touch, by its name and VPC. [Tags](https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html)"
  type = object({
    name   = string
    vpc_id = string
  })

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}$", var.cluster.name))
    error_message = "cluster.name must be an EKS cluster's name: up to 100 letters, digits, dashes and underscores; for example tillstream-dev."
  }
}

variable "namespaces" {
  description = "The Kubernetes namespaces of the service accounts."
  type = object({
    platform         = optional(string, "tillstream")
    airflow          = optional(string, "airflow")
    monitoring       = optional(string, "monitoring")
    external_secrets = optional(string, "external-secrets")
  })
  default  = {}
  nullable = false

  # A star would trust every namespace, were the condition ever another than StringEquals.
  validation {
    condition     = alltrue([for name in values(var.namespaces) : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", name))])
    error_message = "namespaces must be names of Kubernetes namespaces: lower-case letters, digits and dashes; for example { platform = \"tillstream\" }."
  }
}

variable "contracts_directory" {
  description = "The folder of the contracts (*.odcs.yaml), which say who reads and writes which tables and topics."
  type        = string
}

variable "buckets" {
  description = "The buckets of module lake: name and ARN of lake, checkpoints and artifacts."
  type = object({
    lake        = object({ name = string, arn = string })
    checkpoints = object({ name = string, arn = string })
    artifacts   = object({ name = string, arn = string })
  })
}

variable "kms_keys" {
  description = "ARNs of the keys that encrypt buckets, secrets, pages and volumes; null where all of them are encrypted by keys of AWS. [Keys](https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html)"
  type = object({
    lake    = string
    secrets = string
    paging  = string
    volumes = string
  })
  default = null

  validation {
    condition = var.kms_keys == null ? true : alltrue([
      for arn in values(var.kms_keys) : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[^*]+$", arn))
    ])
    error_message = "kms_keys must be ARNs of keys, not ids or aliases: policies name keys by ARN. Write arn:aws:kms:<region>:<account>:key/<id>."
  }
}

variable "kafka" {
  description = "The MSK cluster that workloads log in to by IAM; null where Kafka is no MSK. [IAM access control](https://docs.aws.amazon.com/msk/latest/developerguide/iam-access-control.html)"
  type = object({
    cluster_arn = string
  })
  default = null

  validation {
    condition     = var.kafka == null ? true : can(regex("^arn:[a-z-]+:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[^/*]+/[^/*]+$", var.kafka.cluster_arn))
    error_message = "kafka.cluster_arn must be the ARN of an MSK cluster: arn:aws:kafka:<region>:<account>:cluster/<name>/<uuid>."
  }
}

variable "secret_arns" {
  description = "The secrets that external-secrets may copy into the cluster, each by its ARN. [Secrets Manager](https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html)"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for arn in var.secret_arns : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^*]+$", arn))
    ])
    error_message = "secret_arns must be whole ARNs of secrets, without stars: arn:aws:secretsmanager:<region>:<account>:secret:<name>-<six characters>."
  }
}

variable "paging" {
  description = "The SNS topics by which people are called and silence is noticed; null where nobody is paged. [Module paging](../paging)"
  type = object({
    oncall_topic_arn   = string
    watchdog_topic_arn = string
  })
  default = null

  validation {
    condition = var.paging == null ? true : alltrue([
      for arn in values(var.paging) : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[^*]+$", arn))
    ])
    error_message = "paging must be two ARNs of SNS topics: arn:aws:sns:<region>:<account>:<name>."
  }
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds every role made here. [Boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html)"
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a managed policy: arn:aws:iam::<account>:policy/<name>."
  }
}
