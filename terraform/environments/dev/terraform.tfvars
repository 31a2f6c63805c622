region             = "eu-central-1"
availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
cidr               = "10.30.0.0/16"
kafka_mode         = "msk"
repository         = { name = "example/tillstream" }
monthly_budget_usd = 2000
disposable         = true

kubernetes_access = {
  platform-team = { principal_arn = "arn:aws:iam::123456789012:role/platform-team", policy = "cluster-admin" }
}
