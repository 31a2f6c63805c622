variable "name" {
  description = "The environment's name, the first word of the authority's common name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "name must be 2 to 31 lower-case letters, digits and dashes, beginning with a letter; for example tillstream-dev."
  }
}

variable "organization" {
  description = "The organization in the authority's name."
  type        = string
  default     = "Tillstream"

  validation {
    condition     = can(regex("^[^,+\"\\\\<>;=]{1,64}$", var.organization))
    error_message = "organization must be 1 to 64 characters, none of them a comma, plus, quote, backslash, semicolon, equals or angle bracket: principals in Kafka are whole distinguished names."
  }
}

variable "existing_authority_arn" {
  description = "An active authority of one's own in AWS Private CA; null to have one made. [MSK and mutual TLS](https://docs.aws.amazon.com/msk/latest/developerguide/msk-authentication.html)"
  type        = string
  default     = null

  validation {
    condition     = var.existing_authority_arn == null || can(regex("^arn:[a-z-]+:acm-pca:[a-z0-9-]+:[0-9]{12}:certificate-authority/[0-9a-f-]{36}$", var.existing_authority_arn))
    error_message = "existing_authority_arn must be the ARN of an authority in AWS Private CA (arn:aws:acm-pca:<region>:<account>:certificate-authority/<id>), or be left out to have one made."
  }
}

variable "short_lived" {
  description = "Whether certificates last at most seven days, which makes the authority cost an eighth. [Modes](https://docs.aws.amazon.com/privateca/latest/userguide/short-lived-certificates.html)"
  type        = bool
  default     = false
}

variable "deletion_window_days" {
  description = "How long a deleted authority can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30 && floor(var.deletion_window_days) == var.deletion_window_days
    error_message = "deletion_window_days must be a whole number from 7 to 30, which is what AWS Private CA takes."
  }
}
