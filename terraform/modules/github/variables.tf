variable "name" {
  description = "Beginning of the roles' names: <name>-plan-<environment> and <name>-apply-<environment>. No environment's name_prefix begins like it, so that no workflow changes its own role."
  type        = string
  default     = "github-tillstream"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}$", var.name))
    error_message = "name must be 2 to 39 lower-case letters, digits and dashes, beginning with a letter; for example github-tillstream."
  }
}

variable "repository" {
  description = "The repository on GitHub whose workflows plan and apply: owner/name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository must be owner/name as on GitHub, without wildcards; for example example/tillstream."
  }
}

variable "account" {
  description = "The account and region that the environments are in."
  type = object({
    id     = string
    region = string
  })
}

variable "environments" {
  description = "By name (GitHub's environment of that name applies it): beginning of the names of what it is made of, and key of its state."
  type = map(object({
    name_prefix = string
    state_key   = string
  }))

  validation {
    condition     = length(var.environments) > 0 && alltrue([for environment in keys(var.environments) : can(regex("^[a-z][a-z0-9-]{0,18}$", environment))])
    error_message = "environments must name at least one, of up to 19 lower-case letters, digits and dashes; for example prod."
  }

  validation {
    condition     = alltrue([for environment in values(var.environments) : can(regex("^[a-z][a-z0-9-]{2,30}$", environment.name_prefix)) && !startswith(var.name, environment.name_prefix)])
    error_message = "environments.name_prefix must be 3 to 31 lower-case letters, digits and dashes, and not begin `name`: the roles of the workflows would be among those that they change. For example tillstream-prod."
  }

  validation {
    condition     = length(distinct([for environment in values(var.environments) : environment.state_key])) == length(var.environments) && alltrue([for environment in values(var.environments) : can(regex("^[a-z0-9/-]+/terraform\\.tfstate$", environment.state_key))])
    error_message = "environments.state_key must be <folder>/terraform.tfstate, a folder of its own for each; for example prod/terraform.tfstate."
  }
}

variable "images_name_prefix" {
  description = "Beginning of the names of the repositories that images are pushed to, from GitHub's environment `images`: the name_prefix of one of the environments."
  type        = string

  validation {
    condition     = contains([for environment in values(var.environments) : environment.name_prefix], var.images_name_prefix)
    error_message = "images_name_prefix must be the name_prefix of one of the environments: its repositories are those that there are."
  }
}

variable "state" {
  description = "The bucket of the states, and the key that encrypts it."
  type = object({
    bucket_arn  = string
    kms_key_arn = string
  })
}

variable "existing_oidc_provider_arn" {
  description = "The account's OIDC provider for GitHub where there is one already (an account can have only one); null to make it."
  type        = string
  default     = null

  validation {
    condition     = var.existing_oidc_provider_arn == null || can(regex(":oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.existing_oidc_provider_arn))
    error_message = "existing_oidc_provider_arn must end in :oidc-provider/token.actions.githubusercontent.com."
  }
}

variable "permissions_boundary_arn" {
  description = "A policy that every role must bear which a workflow makes or changes: the environments' own variable of this name. [Boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html)"
  type        = string
  default     = null
}
