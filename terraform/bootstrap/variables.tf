variable "region" {
  description = "Region of the states, and of the environments that GitHub's workflows apply."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be a region of AWS such as eu-central-1."
  }
}

variable "repository" {
  description = "The repository on GitHub whose workflows plan and apply: owner/name."
  type        = string
}

variable "environments" {
  description = "The environments of this account: folders of terraform/environments, and environments of GitHub of the same names. For each there are two roles, and a place for its state."
  type        = set(string)
  default     = ["dev", "prod"]
}

variable "images_environment" {
  description = "The environment whose repositories images are pushed to; the others pull from there, by digest."
  type        = string
  default     = "dev"
}

variable "existing_github_oidc_provider_arn" {
  description = "The account's OIDC provider for GitHub where there is one already (an account can have only one); null to make it."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "A policy that every role must bear which a workflow makes; give it to the environments, too."
  type        = string
  default     = null
}

variable "activate_cost_tags" {
  description = "Whether to have bills told apart by the tags project, environment and component. True from the day after the first apply of an environment on; in an organisation in its management account only."
  type        = bool
  default     = false
}
