# What the provider itself would refuse if it were drawn at random.

mock_data "aws_partition" {
  defaults = { partition = "aws" }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/vpc/tillstream-test/flow" }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/tillstream-test-flow-logs" }
}
