################################################################################
# OIDC provider: IAM believes the tokens of GitHub's workflows (one an account)
# https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws
################################################################################

resource "aws_iam_openid_connect_provider" "this" {
  count = var.existing_oidc_provider_arn == null ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  issuer       = "token.actions.githubusercontent.com"
  provider_arn = var.existing_oidc_provider_arn == null ? aws_iam_openid_connect_provider.this[0].arn : var.existing_oidc_provider_arn
}
