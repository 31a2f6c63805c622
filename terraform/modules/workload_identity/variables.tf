variable "name_prefix" {
  description = "Beginning of the roles' names: <name_prefix>-<workload>."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9-]{2,40}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 40 letters, digits and dashes; for example tillstream-dev."
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

variable "namespace" {
  description = "The Kubernetes namespace of the workloads' service accounts."
  type        = string
  default     = "tillstream"
}

variable "contracts_directory" {
  description = "The folder of the contracts (*.odcs.yaml), which say who reads and writes which tables."
  type        = string

  validation {
    condition     = length(fileset(var.contracts_directory, "*.odcs.yaml")) > 0
    error_message = "contracts_directory holds no *.odcs.yaml; it must be the repository's contracts folder."
  }
}

variable "buckets" {
  description = "The buckets of module lake: name and ARN of lake and checkpoints."
  type = object({
    lake        = object({ name = string, arn = string })
    checkpoints = object({ name = string, arn = string })
  })
}

variable "kms_key_arn" {
  description = "The key that encrypts the buckets, if they are not encrypted by the keys of S3 itself."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds every role made here. [Boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html)"
  type        = string
  default     = null
}
