variable "name_prefix" {
  description = "Beginning of the keys' aliases: alias/<name_prefix>-<purpose>. Buckets and log groups of the environment have it in their names; the policies of their keys rely on that."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 31 lower-case letters, digits and dashes, beginning with a letter; for example tillstream-dev."
  }
}

variable "account_id" {
  description = "The account the keys are made in."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of an AWS account, as a string; for example \"123456789012\"."
  }
}

variable "region" {
  description = "The region the keys are made in."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2,3}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region; for example eu-central-1."
  }
}

variable "deletion_window_days" {
  description = "How long a deleted key can be brought back; what it encrypted is lost with it. [Deleting keys](https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html)"
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30 && floor(var.deletion_window_days) == var.deletion_window_days
    error_message = "deletion_window_days must be a whole number from 7 to 30, which is what KMS takes."
  }
}
