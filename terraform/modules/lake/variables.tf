variable "name_prefix" {
  description = "Beginning of the buckets' names, which are unique in all of AWS: end it in the account's id. [Rules](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html)"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,50}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 51 lower-case letters, digits and dashes, beginning with a letter or digit; for example tillstream-dev-123456789012."
  }
}

variable "account_id" {
  description = "The account that owns the buckets: access logs are taken from its buckets only. [Confused deputy](https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html)"
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the account's twelve digits, in quotation marks; for example \"123456789012\"."
  }
}

variable "contracts_directory" {
  description = "The folder of the contracts (*.odcs.yaml), which describe the tables."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts the objects (SSE-KMS with a bucket key); null for the keys of S3 itself (SSE-S3). [Choice](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html)"
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not its id or alias: bucket policies compare ARNs. Write arn:aws:kms:<region>:<account>:key/<id>."
  }
}

variable "retention_days" {
  description = "How long a version that was replaced or deleted can be brought back, by bucket. [Lifecycle](https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html)"
  type = object({
    lake        = optional(number, 30)
    checkpoints = optional(number, 7)
    artifacts   = optional(number, 90)
    access-logs = optional(number, 7)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for days in values(var.retention_days) : days >= 1])
    error_message = "retention_days must be at least 1 for every bucket: without old versions a mistaken delete is final."
  }
}

variable "access_log_days" {
  description = "How long it can be asked who asked S3 for what. [Access logs](https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html)"
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.access_log_days >= 1 && floor(var.access_log_days) == var.access_log_days
    error_message = "access_log_days must be a whole number of days, at least 1; for example 365."
  }
}

variable "request_metrics" {
  description = "Whether CloudWatch gets requests, errors and latency of lake, checkpoints and artifacts by the minute, at a price. [Metrics](https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-configurations.html)"
  type        = bool
  default     = true
  nullable    = false
}

variable "catalog" {
  description = "The Glue database that names the tables for Athena; null for none. [Delta in Athena](https://docs.aws.amazon.com/athena/latest/ug/delta-lake-tables.html)"
  type = object({
    database = string
  })
  default = null

  validation {
    condition     = var.catalog == null || can(regex("^[a-z][a-z0-9_]{0,254}$", var.catalog.database))
    error_message = "catalog.database must be lower-case letters, digits and _, beginning with a letter, as Athena takes names without quotation marks; for example tillstream_dev."
  }
}

variable "force_destroy" {
  description = "Whether destroying a bucket destroys the objects in it. For environments that hold nothing but tests."
  type        = bool
  default     = false
}
