region             = "eu-central-1"
availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
cidr               = "10.20.0.0/16"
kafka_mode         = "msk"
repository         = { name = "example/tillstream" }
oncall_emails      = ["oncall@example.com"]
monthly_budget_usd = 4000

stores = {
  cidrs  = ["10.64.0.0/12"]
  way_in = "vpn"
  vpn_gateways = {
    head-office = { ip_address = "203.0.113.10", bgp_asn = 64600 }
  }
}

kubernetes_access = {
  platform-team = { principal_arn = "arn:aws:iam::123456789012:role/platform-team", policy = "cluster-admin" }
}
