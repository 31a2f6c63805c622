output "authority_arn" {
  description = "ARN of the authority that signs the stores' certificates. Known once it is active."
  value       = local.make ? aws_acmpca_certificate_authority_certificate.this[0].certificate_authority_arn : data.aws_acmpca_certificate_authority.this[0].arn
}

output "authority_certificate_pem" {
  description = "The authority's own certificate, as PEM."
  value       = local.make ? aws_acmpca_certificate.this[0].certificate : data.aws_acmpca_certificate_authority.this[0].certificate
}
