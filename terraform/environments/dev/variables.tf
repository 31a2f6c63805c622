# The same in dev and prod. What else makes them differ stands in main.tf.

variable "region" {
  description = "The region; MSK, EKS and Private CA must be offered there."
  type        = string
}

variable "availability_zones" {
  description = "Three zones of the region."
  type        = list(string)
}

variable "cidr" {
  description = "The VPC's network, from /16 to /20, overlapping neither the stores' nor another environment's."
  type        = string
}

variable "kafka_mode" {
  description = "Who runs Kafka: msk (AWS) or strimzi (the cluster). Fixed when the environment is made; docs/kafka-mode.md moves it."
  type        = string
}

variable "existing_authority_arn" {
  description = "An active authority of one's own in AWS Private CA, for the stores' certificates; null to have one made."
  type        = string
  default     = null
}

variable "scram_users" {
  description = "Stores that log in by SASL/SCRAM instead of a certificate, at most 1,000; none switches it off."
  type        = set(string)
  default     = []
}

variable "stores" {
  description = "The stores' networks, and their way in: none, vpn (from the hubs in vpn_gateways) or transit_gateway."
  type = object({
    cidrs  = optional(set(string), [])
    way_in = optional(string, "none")
    vpn_gateways = optional(map(object({
      ip_address = string
      bgp_asn    = optional(number)
    })), {})
    transit_gateway_id = optional(string)
  })
  default = {}
}

variable "kubernetes_endpoint" {
  description = "Ways to the cluster's API besides the nodes': networks joined to the VPC (private_cidrs); the internet (public), and then only from public_cidrs."
  type = object({
    private_cidrs = optional(list(string), [])
    public        = optional(bool, false)
    public_cidrs  = optional(list(string), [])
  })
  default = {}
}

variable "kubernetes_access" {
  description = "Who may do what in the cluster, by a name of your choice: an IAM role or user, a policy (cluster-admin, admin, edit, view), and namespaces, if not all."
  type = map(object({
    principal_arn = string
    policy        = string
    namespaces    = optional(list(string), [])
  }))
}

variable "repository" {
  description = "The repository that Argo CD follows: owner/name on GitHub, and a branch."
  type = object({
    name     = string
    revision = optional(string, "main")
  })
}

variable "oncall_emails" {
  description = "Addresses of whoever is on call."
  type        = set(string)
  default     = []
}

variable "monthly_budget_usd" {
  description = "What the environment may cost a month before somebody is paged; docs/aws.md says what it does cost."
  type        = number
}

variable "disposable" {
  description = "Whether destroying the environment destroys its data, too. Apply true before you destroy it."
  type        = bool
  default     = false
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds every role made here. [Boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html)"
  type        = string
  default     = null
}
