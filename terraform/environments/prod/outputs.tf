output "platform" {
  description = "What the manifests of the cluster must know of AWS: the apply workflow proposes it below argocd/overlays."
  value       = module.platform.platform
}

output "bootstrap" {
  description = "Addresses of Kafka's brokers by way in: tls (stores), iam (workloads), scram; null with strimzi."
  value       = module.platform.bootstrap
}

output "authority_arn" {
  description = "The authority that signs the stores' certificates; null with strimzi."
  value       = module.platform.authority_arn
}

output "vpn_tunnels" {
  description = "Addresses of the two tunnels of each VPN connection, and the secret with their keys, by hub."
  value       = module.platform.vpn_tunnels
}

output "nat_addresses" {
  description = "Public addresses that requests from the cluster come from, for the allow lists of others."
  value       = module.platform.nat_addresses
}

output "secret_arns" {
  description = "The secrets that people write, by name."
  value       = module.platform.secret_arns
}
