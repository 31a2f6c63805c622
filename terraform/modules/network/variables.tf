variable "name" {
  description = "The environment's name, and so of its VPC."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "name must be 2 to 31 lower-case letters, digits and dashes, beginning with a letter; for example tillstream-dev."
  }
}

variable "account_id" {
  description = "The account the VPC is made in."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of an AWS account, as a string; for example \"123456789012\"."
  }
}

variable "region" {
  description = "The region the VPC is made in."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2,3}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region; for example eu-central-1."
  }
}

variable "cidr" {
  description = "The VPC's network."
  type        = string

  validation {
    condition     = can(cidrnetmask(var.cidr)) && try(cidrhost(var.cidr, 0) == split("/", var.cidr)[0], false)
    error_message = "cidr must be an IPv4 network whose address is its first one; for example 10.20.0.0/16."
  }

  validation {
    condition     = try(tonumber(split("/", var.cidr)[1]), 0) >= 16 && try(tonumber(split("/", var.cidr)[1]), 0) <= 20
    error_message = "cidr must be from /16 to /20: AWS takes no larger VPC, and a smaller one has too few addresses for the pods of three zones. For example 10.20.0.0/16."
  }
}

variable "availability_zones" {
  description = "The three availability zones."
  type        = list(string)

  validation {
    condition     = length(var.availability_zones) == 3 && length(distinct(var.availability_zones)) == 3
    error_message = "availability_zones must name exactly three different zones, for example [\"eu-central-1a\", \"eu-central-1b\", \"eu-central-1c\"]: Kafka keeps a copy of everything in each of three."
  }

  validation {
    condition     = alltrue([for zone in var.availability_zones : startswith(zone, var.region) && zone != var.region])
    error_message = "availability_zones must be zones of the region, for example eu-central-1a in eu-central-1."
  }
}

variable "nat" {
  description = "NAT gateways: single (one for all zones) or per_az. [Gateways](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html)"
  type        = string
  default     = "per_az"

  validation {
    condition     = contains(["single", "per_az"], var.nat)
    error_message = "nat must be \"single\" (one gateway for all zones: cheaper) or \"per_az\" (one in each zone: a zone's failure stays in it)."
  }
}

variable "stores" {
  description = "The stores' networks, and their way in: none, vpn (from the hubs in vpn_gateways, with static routes where bgp_asn is left out) or transit_gateway (one that exists and is shared with the account)."
  type = object({
    cidrs  = optional(set(string), [])
    way_in = optional(string, "none")
    vpn_gateways = optional(map(object({
      ip_address = string
      bgp_asn    = optional(number)
    })), {})
    transit_gateway_id = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["none", "vpn", "transit_gateway"], var.stores.way_in)
    error_message = "stores.way_in must be \"none\", \"vpn\" or \"transit_gateway\"."
  }

  validation {
    condition = alltrue([
      for cidr in var.stores.cidrs : can(cidrnetmask(cidr)) && try(tonumber(split("/", cidr)[1]), 0) >= 8 && try(cidrhost(cidr, 0) == split("/", cidr)[0], false)
    ])
    error_message = "stores.cidrs must be IPv4 networks of /8 or smaller, each named by its first address; for example 10.64.0.0/12."
  }

  validation {
    # Two networks overlap where they are one at the length of the shorter prefix.
    condition = alltrue([
      for cidr in var.stores.cidrs : try(
        cidrhost("${split("/", cidr)[0]}/${min(split("/", cidr)[1], split("/", var.cidr)[1])}", 0) != cidrhost("${split("/", var.cidr)[0]}/${min(split("/", cidr)[1], split("/", var.cidr)[1])}", 0),
        true,
      )
    ])
    error_message = "stores.cidrs must not overlap the VPC's cidr: no packet could find its way back. Choose another cidr for the VPC."
  }

  validation {
    condition     = var.stores.way_in == "none" || length(var.stores.cidrs) > 0
    error_message = "stores.cidrs must name the stores' networks where stores.way_in is vpn or transit_gateway; for example [\"10.64.0.0/12\"]."
  }

  validation {
    condition     = (var.stores.way_in == "vpn") == (length(var.stores.vpn_gateways) > 0)
    error_message = "stores.vpn_gateways must name at least one hub where stores.way_in is vpn, and none otherwise; for example { hub = { ip_address = \"203.0.113.10\" } }."
  }

  validation {
    condition     = length(var.stores.vpn_gateways) <= 10
    error_message = "stores.vpn_gateways holds more than the 10 connections that a VPN gateway takes: connect the hubs to a Transit Gateway, and set stores.way_in to transit_gateway."
  }

  validation {
    condition     = alltrue([for gateway in values(var.stores.vpn_gateways) : can(cidrnetmask("${gateway.ip_address}/32"))])
    error_message = "stores.vpn_gateways must have the hub's public IPv4 address as ip_address; for example 203.0.113.10."
  }

  validation {
    condition     = var.stores.way_in == "transit_gateway" ? can(regex("^tgw-[0-9a-f]{8,17}$", var.stores.transit_gateway_id)) : var.stores.transit_gateway_id == null
    error_message = "stores.transit_gateway_id must name the Transit Gateway (tgw-...) where stores.way_in is transit_gateway, and be left out otherwise."
  }
}

variable "flow_logs" {
  description = "The flow logs: the key that encrypts them, and how long they are kept."
  type = object({
    kms_key_arn    = string
    retention_days = optional(number, 365)
  })

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.flow_logs.retention_days)
    error_message = "flow_logs.retention_days must be a number of days that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 or more years."
  }
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds every role made here. [Boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html)"
  type        = string
  default     = null
}
