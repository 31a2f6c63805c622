variable "name_prefix" {
  description = "Beginning of the names of topics and alarms."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 39 lower-case letters, digits and dashes, beginning with a letter; for example tillstream-dev."
  }
}

variable "account" {
  description = "The account and region of topics and alarms."
  type = object({
    id     = string
    region = string
  })
}

variable "kms_key_arn" {
  description = "Key that encrypts the messages; CloudWatch and Budgets must be allowed to use it. [Key policy](https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services)"
  type        = string
}

variable "oncall_emails" {
  description = "Addresses of whoever is on call; each gets a message to confirm by hand before anything else."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.oncall_emails : can(regex("^[^@[:space:]]+@[^@[:space:]]+\\.[^@[:space:]]+$", email))])
    error_message = "oncall_emails must be addresses such as oncall@example.com."
  }
}

variable "cluster_name" {
  description = "The EKS cluster to watch from outside."
  type        = string
}

variable "kafka_cluster_name" {
  description = "The MSK cluster to watch from outside; null where Kafka runs in the cluster (Strimzi)."
  type        = string
  default     = null
}

variable "budget" {
  description = "What the environment may cost a month, and the tag that its cost bears (active for billing: see terraform/bootstrap). A page comes at 80 % spent, and when more than all of it is forecast."
  type = object({
    monthly_usd = number
    tag_key     = optional(string, "environment")
    tag_value   = string
  })

  validation {
    condition     = var.budget.monthly_usd > 0
    error_message = "budget.monthly_usd must be above 0; docs/aws.md says what an environment costs."
  }
}
