variable "name" {
  description = "Name of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "name must be 2 to 31 lower-case letters, digits and dashes, beginning with a letter; for example tillstream-dev."
  }
}

variable "mode" {
  description = "Who runs Kafka: msk (AWS) or strimzi (the Kubernetes cluster; then this module makes nothing). Fixed when the environment is made."
  type        = string

  validation {
    condition     = contains(["msk", "strimzi"], var.mode)
    error_message = "kafka_mode must be \"msk\" (AWS runs the brokers) or \"strimzi\" (they run in the Kubernetes cluster)."
  }
}

variable "vpc_id" {
  description = "The VPC of the brokers."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the brokers, one in each of three availability zones."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) == 3
    error_message = "subnet_ids must name three subnets, one an availability zone: each partition has three replicas, each in a zone of its own."
  }
}

variable "kafka_version" {
  description = "Kafka's version as MSK names it; .kraft stands for clusters without ZooKeeper. [Versions](https://docs.aws.amazon.com/msk/latest/developerguide/supported-kafka-versions.html)"
  type        = string
  default     = "4.1.x.kraft"

  validation {
    condition     = contains(["3.9.x.kraft", "4.0.x.kraft", "4.1.x.kraft"], var.kafka_version)
    error_message = "kafka_version must be 3.9.x.kraft, 4.0.x.kraft or 4.1.x.kraft: what MSK offers without ZooKeeper for brokers of type kafka.*. (4.2.x is for Express brokers only.)"
  }
}

variable "instance_type" {
  description = "Type of the brokers. [Sizes](https://docs.aws.amazon.com/msk/latest/developerguide/broker-instance-sizes.html)"
  type        = string
  default     = "kafka.m7g.large"

  validation {
    condition     = can(regex("^kafka\\.(m5|m7g)\\.(large|([248]|12|16|24)?xlarge)$", var.instance_type))
    error_message = "instance_type must be a standard broker, kafka.m7g.<size> or kafka.m5.<size>; for example kafka.m7g.large. kafka.t3.small is not offered for these versions, and express.* has no storage to configure."
  }
}

variable "brokers_per_zone" {
  description = "How many brokers each availability zone has."
  type        = number
  default     = 1

  validation {
    condition     = var.brokers_per_zone >= 1 && var.brokers_per_zone <= 20 && floor(var.brokers_per_zone) == var.brokers_per_zone
    error_message = "brokers_per_zone must be a whole number from 1 to 20: a KRaft cluster of MSK has at most 60 brokers."
  }
}

variable "broker_storage_gib" {
  description = "Storage of each broker: what it begins with, and what it may grow to."
  type = object({
    initial = optional(number, 100)
    maximum = optional(number, 1000)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.broker_storage_gib.initial >= 1 && var.broker_storage_gib.maximum <= 16384 && var.broker_storage_gib.initial <= var.broker_storage_gib.maximum
    error_message = "broker_storage_gib must have initial from 1 to maximum, and maximum at most 16384, which is the most that MSK gives a broker."
  }
}

variable "authority_arn" {
  description = "The authority in AWS Private CA whose certificates the stores log in with; null with strimzi. [Mutual TLS](https://docs.aws.amazon.com/msk/latest/developerguide/msk-authentication.html)"
  type        = string
  default     = null

  validation {
    condition     = var.mode != "msk" || var.authority_arn != null
    error_message = "authority_arn must be the ARN of an authority in AWS Private CA where kafka_mode is msk: the stores log in by certificate. Take module.pki.authority_arn."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts the brokers' volumes; null with strimzi."
  type        = string
  default     = null

  validation {
    condition     = var.mode != "msk" || var.kms_key_arn != null
    error_message = "kms_key_arn must be the ARN of a key where kafka_mode is msk; take module.kms.key_arns[\"kafka\"]."
  }
}

variable "logs" {
  description = "The brokers' logs: the key that encrypts them, and how long they are kept."
  type = object({
    kms_key_arn    = string
    retention_days = optional(number, 365)
  })

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.logs.retention_days)
    error_message = "logs.retention_days must be a number of days that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 or more years."
  }
}

variable "scram" {
  description = "Whether stores may log in by SASL/SCRAM, too, and the secrets of those who do (module secrets), by user. [SCRAM](https://docs.aws.amazon.com/msk/latest/developerguide/msk-password.html)"
  type = object({
    enabled     = optional(bool, false)
    secret_arns = optional(map(string), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.scram.enabled || length(var.scram.secret_arns) == 0
    error_message = "scram.secret_arns names users, but scram.enabled is false: set it to true, or leave the users out."
  }

  validation {
    condition     = length(var.scram.secret_arns) <= 1000
    error_message = "scram.secret_arns holds more than the 1,000 users that MSK takes: log the stores in by certificate (mTLS) instead."
  }
}

variable "stores_cidrs" {
  description = "Networks of the stores, which reach the brokers by TLS (9094), and by SCRAM (9096) where that is on."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.stores_cidrs : can(cidrnetmask(cidr)) && try(tonumber(split("/", cidr)[1]), 0) >= 8])
    error_message = "stores_cidrs must be IPv4 networks of /8 or smaller, for example 10.64.0.0/12: the brokers are open to stores, not to everybody."
  }
}

variable "workload_security_group_ids" {
  description = "Security groups of the workloads, which reach the brokers by IAM (9098), by a name of their own."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "prometheus_security_group_ids" {
  description = "Security groups of Prometheus, which reaches the exporters (11001 and 11002), by a name of their own."
  type        = map(string)
  default     = {}
  nullable    = false
}
