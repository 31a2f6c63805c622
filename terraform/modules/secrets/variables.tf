variable "name_prefix" {
  description = "Beginning of the secrets' names: AmazonMSK_<name_prefix>_<user>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 31 lower-case letters, digits and dashes, beginning with a letter; for example tillstream-dev."
  }
}

variable "kms_key_arn" {
  description = "The customer key that encrypts the secrets: MSK refuses the key of Secrets Manager itself."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>), not an alias; for example module.kms.key_arns[\"secrets\"]."
  }
}

variable "scram_users" {
  description = "Who logs in to Kafka by SASL/SCRAM. MSK takes at most 1,000; stores in greater number log in by certificate. [Limits](https://docs.aws.amazon.com/msk/latest/developerguide/msk-password-limitations.html)"
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.scram_users) <= 1000
    error_message = "scram_users holds more than the 1,000 users that MSK takes: log the stores in by certificate (mTLS) instead."
  }

  validation {
    condition     = alltrue([for user in var.scram_users : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", user))])
    error_message = "scram_users must be 1 to 64 letters, digits, dots, dashes and underscores each, beginning with a letter or digit; for example store-0042."
  }
}

variable "generation" {
  description = "Raise it by one to give every user a new password."
  type        = number
  default     = 1

  validation {
    condition     = var.generation >= 1 && floor(var.generation) == var.generation
    error_message = "generation must be a whole number from 1; raise it by one to draw new passwords."
  }
}

variable "recovery_window_days" {
  description = "How long a deleted secret can be brought back; until then its name is taken. 0 deletes at once, for environments that hold nothing but tests."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_window_days == 0 || (var.recovery_window_days >= 7 && var.recovery_window_days <= 30)
    error_message = "recovery_window_days must be 7 to 30, which is what Secrets Manager takes, or 0 to delete at once."
  }
}
