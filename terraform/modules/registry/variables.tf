variable "name_prefix" {
  description = "Beginning of the repositories' names: <name_prefix>/<repository>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 39 lower-case letters, digits and dashes, beginning with a letter; for example tillstream-dev."
  }
}

variable "repositories" {
  description = "One repository a deployable of folder images."
  type        = set(string)
  default     = ["airflow", "spark", "store"]

  validation {
    condition     = alltrue([for repository in var.repositories : can(regex("^[a-z][a-z0-9-]*$", repository))])
    error_message = "repositories must be lower-case letters, digits and dashes, as the folders of images are called; for example spark."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the images. It cannot be changed. [Encryption](https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html)"
  type        = string
}

variable "keep" {
  description = "How many days an image without a tag is kept, and how many of the newest with one."
  type = object({
    untagged_days = optional(number, 14)
    releases      = optional(number, 200)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.keep.untagged_days >= 1 && var.keep.releases >= 10
    error_message = "keep.untagged_days must be at least 1 and keep.releases at least 10: what runs now must be among them."
  }
}

variable "force_destroy" {
  description = "Whether destroying a repository destroys the images in it. For environments that hold nothing but tests."
  type        = bool
  default     = false
}
