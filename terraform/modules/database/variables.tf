variable "name" {
  description = "Name of the instance, and beginning of the names of what belongs to it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}$", var.name)) && !endswith(var.name, "-") && !strcontains(var.name, "--")
    error_message = "name must be 2 to 39 lower-case letters, digits and single dashes, beginning with a letter and not ending in a dash; for example tillstream-dev."
  }
}

variable "account" {
  description = "The account and region of the database."
  type = object({
    id     = string
    region = string
  })
}

variable "vpc_id" {
  description = "VPC of the database."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the database, in at least two availability zones: the intra ones, as nothing there needs the internet."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name at least two subnets, in two availability zones; give module network's intra_subnet_ids."
  }
}

variable "client_security_group_ids" {
  description = "Security groups that may connect, by a name of your choice."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Key that encrypts the storage, its backups and its performance data. It cannot be changed."
  type        = string
}

variable "secrets_kms_key_arn" {
  description = "Key that encrypts the master password in Secrets Manager."
  type        = string
}

variable "log_retention" {
  description = "Key that encrypts the logs, and how many days they are kept."
  type = object({
    kms_key_arn = string
    days        = optional(number, 365)
  })

  # What CloudWatch knows: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention.days)
    error_message = "log_retention.days must be one that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "engine_version" {
  description = "Major version of PostgreSQL; RDS chooses the minor and upgrades it in the maintenance window. [Versions that Airflow knows](https://airflow.apache.org/docs/apache-airflow/stable/installation/prerequisites.html)"
  type        = string
  default     = "17"

  validation {
    condition     = can(regex("^1[4-7]$", var.engine_version))
    error_message = "engine_version must be a major version that both RDS and Airflow know: 14, 15, 16 or 17."
  }
}

variable "database_name" {
  description = "Name of the database in it."
  type        = string
  default     = "airflow"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database_name))
    error_message = "database_name must be lower-case letters, digits and underscores, beginning with a letter; for example airflow."
  }
}

variable "instance_class" {
  description = "Size of the instance. [Classes](https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.html)"
  type        = string
  default     = "db.t4g.medium"

  # Smaller ones have too little memory for Airflow's connections, and older ones no performance insights.
  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.([0-9]*xlarge|large|medium)$", var.instance_class))
    error_message = "instance_class must be a class of RDS from medium on, such as db.t4g.medium."
  }
}

variable "multi_az" {
  description = "Whether a second instance in another availability zone takes over within a minute or two; doubles the price. [Multi-AZ](https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZSingleStandby.html)"
  type        = bool
  default     = true
}

variable "storage_gib" {
  description = "Storage to begin with, and what it may grow to by itself. [Autoscaling](https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html)"
  type = object({
    initial = optional(number, 20)
    maximum = optional(number, 100)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.storage_gib.initial >= 20 && var.storage_gib.maximum >= var.storage_gib.initial * 1.26
    error_message = "storage_gib.initial must be at least 20, and storage_gib.maximum at least 26 % above it: RDS takes no smaller steps."
  }
}

variable "backup_days" {
  description = "How many days back the database can be restored to any second."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days must be 1 to 35: without backups a mistaken delete is final, and RDS keeps none longer."
  }
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the instance. To destroy it, apply false first."
  type        = bool
  default     = true
}

variable "final_snapshot" {
  description = "Whether destroying the instance leaves a snapshot, <name>-final. One of that name must not exist by then."
  type        = bool
  default     = true
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds the role made here. [Boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html)"
  type        = string
  default     = null
}
