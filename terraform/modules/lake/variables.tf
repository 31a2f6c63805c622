variable "name_prefix" {
  description = "Beginning of the buckets' names, which are unique in all of AWS: end it in the account's id. [Rules](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html)"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,50}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 51 lower-case letters, digits and dashes, beginning with a letter or digit; for example tillstream-dev-123456789012."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the objects (SSE-KMS with a bucket key); null for the keys of S3 itself (SSE-S3). [Choice](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html)"
  type        = string
  default     = null
}

variable "retention_days" {
  description = "How long a version that was replaced or deleted can be brought back, by bucket. [Lifecycle](https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html)"
  type = object({
    lake        = optional(number, 30)
    checkpoints = optional(number, 7)
    artifacts   = optional(number, 90)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for days in values(var.retention_days) : days >= 1])
    error_message = "retention_days must be at least 1 for every bucket: without old versions a mistaken delete is final."
  }
}

variable "force_destroy" {
  description = "Whether destroying a bucket destroys the objects in it. For environments that hold nothing but tests."
  type        = bool
  default     = false
}
