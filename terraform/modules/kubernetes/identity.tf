################################################################################
# OIDC provider: IAM believes the tokens of the cluster's service accounts
# https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html
################################################################################

resource "aws_iam_openid_connect_provider" "this" {
  url            = aws_eks_cluster.this.identity[0].oidc[0].issuer
  client_id_list = ["sts.amazonaws.com"]
}
