################################################################################
# Authority: signs the stores' client certificates, and MSK trusts it
#
# A root of its own, as MSK trusts whatever it has signed. No revocation list: MSK reads none, and a store is shut out by
# the ACLs of its generation.
# https://docs.aws.amazon.com/msk/latest/developerguide/msk-authentication.html
################################################################################

locals {
  make = var.existing_authority_arn == null
}

data "aws_partition" "this" {}

resource "aws_acmpca_certificate_authority" "this" {
  count = local.make ? 1 : 0

  type                            = "ROOT"
  usage_mode                      = var.short_lived ? "SHORT_LIVED_CERTIFICATE" : "GENERAL_PURPOSE"
  permanent_deletion_time_in_days = var.deletion_window_days

  certificate_authority_configuration {
    key_algorithm     = "RSA_4096"
    signing_algorithm = "SHA256WITHRSA"

    subject {
      common_name  = "${var.name} stores"
      organization = var.organization
    }
  }
}

################################################################################
# Activation: the authority signs its own certificate, and takes it
################################################################################

resource "aws_acmpca_certificate" "this" {
  count = local.make ? 1 : 0

  certificate_authority_arn   = aws_acmpca_certificate_authority.this[0].arn
  certificate_signing_request = aws_acmpca_certificate_authority.this[0].certificate_signing_request
  signing_algorithm           = "SHA256WITHRSA"
  template_arn                = "arn:${data.aws_partition.this.partition}:acm-pca:::template/RootCACertificate/V1"

  validity {
    type  = "YEARS"
    value = 10
  }
}

resource "aws_acmpca_certificate_authority_certificate" "this" {
  count = local.make ? 1 : 0

  certificate_authority_arn = aws_acmpca_certificate_authority.this[0].arn
  certificate               = aws_acmpca_certificate.this[0].certificate
  certificate_chain         = aws_acmpca_certificate.this[0].certificate_chain
}

################################################################################
# An authority of one's own
################################################################################

data "aws_acmpca_certificate_authority" "this" {
  count = local.make ? 0 : 1

  arn = var.existing_authority_arn

  lifecycle {
    postcondition {
      condition     = self.status == "ACTIVE"
      error_message = "existing_authority_arn names an authority that is ${self.status}: MSK takes an ACTIVE one only. Install its certificate first, or leave the variable out to have one made."
    }
  }
}
