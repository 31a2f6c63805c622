mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  override_resource {
    target = aws_sns_topic.this["oncall"]
    values = { arn = "arn:aws:sns:eu-central-1:123456789012:tillstream-test-oncall" }
  }

  override_resource {
    target = aws_sns_topic.this["watchdog"]
    values = { arn = "arn:aws:sns:eu-central-1:123456789012:tillstream-test-watchdog" }
  }
}

variables {
  name_prefix        = "tillstream-test"
  account            = { id = "123456789012", region = "eu-central-1" }
  kms_key_arn        = "arn:aws:kms:eu-central-1:123456789012:key/paging"
  oncall_emails      = ["oncall@example.com"]
  cluster_name       = "tillstream-test"
  kafka_cluster_name = "tillstream-test"
  budget             = { monthly_usd = 500, tag_value = "tillstream-test" }
}

run "both_topics_are_encrypted" {
  assert {
    condition     = { for name, topic in aws_sns_topic.this : topic.name => topic.kms_master_key_id } == { for name in ["oncall", "watchdog"] : "tillstream-test-${name}" => var.kms_key_arn }
    error_message = "Each topic is encrypted by the key given."
  }
}

run "besides_roles_only_alarms_and_budgets_of_this_account_page" {
  assert {
    condition = jsondecode(aws_sns_topic_policy.this["oncall"].policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "PublishByAlarms"
          Effect    = "Allow"
          Principal = { Service = "cloudwatch.amazonaws.com" }
          Action    = "sns:Publish"
          Resource  = "arn:aws:sns:eu-central-1:123456789012:tillstream-test-oncall"
          Condition = {
            StringEquals = { "aws:SourceAccount" = "123456789012" }
            ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:tillstream-test-*" }
          }
        },
        {
          Sid       = "PublishByBudgets"
          Effect    = "Allow"
          Principal = { Service = "budgets.amazonaws.com" }
          Action    = "sns:Publish"
          Resource  = "arn:aws:sns:eu-central-1:123456789012:tillstream-test-oncall"
          Condition = {
            StringEquals = { "aws:SourceAccount" = "123456789012" }
            ArnLike      = { "aws:SourceArn" = "arn:aws:budgets::123456789012:*" }
          }
        },
        {
          Sid       = "DenyWithoutTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sns:Publish"
          Resource  = "arn:aws:sns:eu-central-1:123456789012:tillstream-test-oncall"
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
      ]
    }
    error_message = "The policy must be these three statements."
  }
}

run "no_service_feeds_the_watchdog" {
  assert {
    condition = jsondecode(aws_sns_topic_policy.this["watchdog"].policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = "arn:aws:sns:eu-central-1:123456789012:tillstream-test-watchdog"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }]
    }
    error_message = "A sign of life that anything else could give would be none."
  }
}

run "whoever_is_on_call_hears_of_it" {
  assert {
    condition     = [for subscription in aws_sns_topic_subscription.email : [subscription.topic_arn, subscription.endpoint]] == [[aws_sns_topic.this["oncall"].arn, "oncall@example.com"]]
    error_message = "The address given is subscribed to the topic of those on call."
  }
}
