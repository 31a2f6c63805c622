variable "endpoint" {
  description = "Address of the emulated AWS, which serves S3, STS and IAM; `local.aws` chooses its port."
  type        = string

  validation {
    condition     = can(regex("^https://127\\.0\\.0\\.1:[0-9]+$", var.endpoint))
    error_message = "endpoint must be https://127.0.0.1:<port>: this environment never leaves the machine."
  }
}

variable "issuer" {
  description = "URL of the issuer of the workloads' tokens; nobody serves it, the emulated STS has its keys as a file."
  type        = string
}
