mock_provider "aws" {
  override_resource {
    target = aws_ecr_repository.this["spark"]
    values = { repository_url = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tillstream-test/spark" }
  }
}

variables {
  name_prefix = "tillstream-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/registry"
}

run "there_is_a_repository_for_each_deployable" {
  assert {
    condition     = { for name, repository in aws_ecr_repository.this : name => repository.name } == { for name in ["airflow", "spark", "store"] : name => "tillstream-test/${name}" }
    error_message = "The folders of images have a repository each."
  }

  assert {
    condition     = output.repository_urls["spark"] == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tillstream-test/spark"
    error_message = "Whoever pushes is told the address."
  }
}

run "a_tag_never_moves_and_every_image_is_scanned_and_encrypted" {
  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE" && repository.image_scanning_configuration[0].scan_on_push])
    error_message = "Tags must be immutable, and images scanned when they come."
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.encryption_configuration[0].encryption_type == "KMS" && repository.encryption_configuration[0].kms_key == var.kms_key_arn])
    error_message = "Images must be encrypted by the key given."
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : !repository.force_delete])
    error_message = "A repository with images in it is not destroyed unless that is asked for."
  }
}

run "only_what_was_never_released_or_lies_far_back_is_removed" {
  assert {
    condition = alltrue([for policy in aws_ecr_lifecycle_policy.this : [for rule in jsondecode(policy.policy).rules : [rule.rulePriority, rule.selection.tagStatus, rule.selection.countType, rule.selection.countNumber, rule.action.type]] == [
      [1, "untagged", "sinceImagePushed", 14, "expire"],
      [2, "tagged", "imageCountMoreThan", 200, "expire"],
    ]])
    error_message = "Untagged images go after 14 days, tagged ones when 200 newer ones are there."
  }

  assert {
    condition     = length(aws_ecr_lifecycle_policy.this) == 3
    error_message = "Every repository has the policy."
  }
}
