################################################################################
# Logins by SASL/SCRAM: one secret a user, under a customer key and a name that MSK insists on
# https://docs.aws.amazon.com/msk/latest/developerguide/msk-password.html
################################################################################

resource "aws_secretsmanager_secret" "scram" {
  #checkov:skip=CKV2_AWS_57:a rotation by Lambda would shut a till out until somebody brings it the new password; `generation` rotates it
  for_each = var.scram_users

  name                    = "AmazonMSK_${var.name_prefix}_${each.key}"
  description             = "Log-in of ${each.key} to Kafka by SASL/SCRAM"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_window_days
}

# Drawn anew at every run, and in no state and no plan: it is written only where `generation` has risen.
ephemeral "aws_secretsmanager_random_password" "scram" {
  for_each = var.scram_users

  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "scram" {
  for_each = var.scram_users

  secret_id                = aws_secretsmanager_secret.scram[each.key].id
  secret_string_wo_version = var.generation
  secret_string_wo = jsonencode({
    username = each.key
    password = ephemeral.aws_secretsmanager_random_password.scram[each.key].random_password
  })
}

################################################################################
# MSK reads them
################################################################################

locals {
  # MSK attaches this to a secret when it is associated with a cluster; here it is so from the beginning, or each plan
  # would differ. MSK sends neither aws:SourceAccount nor aws:SourceArn.
  readers = {
    for user in var.scram_users : user => {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "AWSKafkaResourcePolicy"
          Effect    = "Allow"
          Principal = { Service = "kafka.amazonaws.com" }
          Action    = "secretsmanager:getSecretValue"
          Resource  = aws_secretsmanager_secret.scram[user].arn
        },
      ]
    }
  }
}

resource "aws_secretsmanager_secret_policy" "scram" {
  for_each = var.scram_users

  secret_arn = aws_secretsmanager_secret.scram[each.key].arn
  policy     = jsonencode(local.readers[each.key])
}
