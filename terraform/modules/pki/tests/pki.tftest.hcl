# An authority that is made is a root, and active before anybody knows it; one of one's own is taken as it is.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_acmpca_certificate_authority" {
    defaults = { status = "ACTIVE", certificate = "-----BEGIN CERTIFICATE----- own" }
  }

  mock_resource "aws_acmpca_certificate_authority" {
    defaults = { arn = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/00000000-0000-0000-0000-000000000001" }
  }

  mock_resource "aws_acmpca_certificate" {
    defaults = { certificate = "-----BEGIN CERTIFICATE----- made" }
  }
}

variables {
  name = "tillstream-test"
}

run "makes_an_active_root" {
  assert {
    condition     = aws_acmpca_certificate_authority.this[0].type == "ROOT" && aws_acmpca_certificate_authority.this[0].usage_mode == "GENERAL_PURPOSE"
    error_message = "Not a root for certificates of any length."
  }

  assert {
    condition     = aws_acmpca_certificate_authority.this[0].certificate_authority_configuration[0].subject[0].common_name == "tillstream-test stores"
    error_message = "The authority's name does not say whose it is."
  }

  assert {
    condition     = aws_acmpca_certificate.this[0].template_arn == "arn:aws:acm-pca:::template/RootCACertificate/V1"
    error_message = "The authority's own certificate is no root's."
  }

  assert {
    condition     = aws_acmpca_certificate_authority_certificate.this[0].certificate == aws_acmpca_certificate.this[0].certificate
    error_message = "The authority is not activated by its certificate."
  }

  assert {
    condition     = output.authority_arn == "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/00000000-0000-0000-0000-000000000001" && output.authority_certificate_pem == "-----BEGIN CERTIFICATE----- made"
    error_message = "Not the authority that was made."
  }
}

run "short_lived_certificates_are_a_cheaper_authority" {
  command = plan

  # Another authority: the mode of one that exists cannot change.
  state_key = "short-lived"

  variables {
    short_lived = true
  }

  assert {
    condition     = aws_acmpca_certificate_authority.this[0].usage_mode == "SHORT_LIVED_CERTIFICATE"
    error_message = "Not an authority for short-lived certificates."
  }
}

run "takes_an_authority_of_ones_own" {
  command   = plan
  state_key = "own"

  variables {
    existing_authority_arn = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/00000000-0000-0000-0000-000000000002"
  }

  assert {
    condition     = length(aws_acmpca_certificate_authority.this) + length(aws_acmpca_certificate.this) + length(aws_acmpca_certificate_authority_certificate.this) == 0
    error_message = "Makes an authority beside one's own."
  }

  assert {
    condition     = output.authority_arn == var.existing_authority_arn && output.authority_certificate_pem == "-----BEGIN CERTIFICATE----- own"
    error_message = "Not one's own authority."
  }
}

run "refuses_an_authority_that_is_not_active" {
  command   = plan
  state_key = "own"

  variables {
    existing_authority_arn = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/00000000-0000-0000-0000-000000000002"
  }

  override_data {
    target = data.aws_acmpca_certificate_authority.this
    values = { status = "PENDING_CERTIFICATE" }
  }

  expect_failures = [data.aws_acmpca_certificate_authority.this]
}

run "nothing_fits" {
  command   = plan
  state_key = "refused"

  variables {
    name                   = "Tillstream"
    organization           = "Retail, Inc."
    existing_authority_arn = "stores"
    deletion_window_days   = 60
  }

  expect_failures = [var.name, var.organization, var.existing_authority_arn, var.deletion_window_days]
}
