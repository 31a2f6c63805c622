################################################################################
# Push: on main, in GitHub's environment `images`
#
# It adds images and what is said of them; it deletes none, and a tag never moves.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
################################################################################

locals {
  push_statements = [
    # ECR knows no resource for it: the token is as good as the role.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
    {
      Sid       = "LogIn"
      Effect    = "Allow"
      Action    = ["ecr:GetAuthorizationToken"]
      Resource  = ["*"]
      Condition = local.in_region
    },
    {
      Sid    = "Push"
      Effect = "Allow"
      Action = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:CompleteLayerUpload",
        "ecr:GetDownloadUrlForLayer",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
      ]
      Resource = ["${local.here["ecr"]}:repository/${var.images_name_prefix}/*"]
    },
  ]
}
