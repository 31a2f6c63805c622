################################################################################
# The state: one object an environment, its lock and the plan under review beside it
# https://developer.hashicorp.com/terraform/language/backend/s3#permissions-required
################################################################################

locals {
  state_objects = { for environment, value in var.environments : environment => "${var.state.bucket_arn}/${value.state_key}" }

  # What comes and goes beside it: the lock, and the plan between its review and its apply.
  passing_objects = { for environment, object in local.state_objects : environment => ["${object}.tflock", "${object}.tfplan"] }

  read_state = {
    for environment, object in local.state_objects : environment => [
      # Without it a state that is not there yet looks like one that is forbidden. It gives the names of states.
      {
        Sid      = "FindState"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [var.state.bucket_arn]
      },
      {
        Sid      = "ReadState"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [object]
      },
      {
        Sid      = "DecryptState"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = [var.state.kms_key_arn]
      },
    ]
  }

  # The state itself is never deleted; its old versions stay in the bucket.
  write_state = {
    for environment, object in local.state_objects : environment => [
      {
        Sid      = "WriteState"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = [object]
      },
      {
        Sid      = "LockStateAndKeepPlan"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = local.passing_objects[environment]
      },
      {
        Sid      = "EncryptState"
        Effect   = "Allow"
        Action   = ["kms:GenerateDataKey"]
        Resource = [var.state.kms_key_arn]
      },
    ]
  }
}
