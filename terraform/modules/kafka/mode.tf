################################################################################
# Mode: chosen when the environment is made, and never changed in it
#
# Consumers' offsets do not survive a move, and a cluster that is destroyed takes with it what nobody has read yet. So
# the mode, and what would replace the cluster, are kept as they were first applied; a plan that wants another ends here.
# Not `prevent_destroy`: its message names no way out, and it would also forbid to destroy the environment as a whole.
################################################################################

locals {
  msk = var.mode == "msk"

  fixed = {
    mode        = var.mode
    name        = var.name
    subnet_ids  = local.msk ? var.subnet_ids : null
    kms_key_arn = local.msk ? var.kms_key_arn : null
  }
}

resource "terraform_data" "fixed" {
  input = local.fixed

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.input.mode == var.mode
      error_message = "kafka_mode of this environment is ${self.input.mode} and cannot become ${var.mode}: the topics would be gone and every offset start anew. Nothing was changed. Set it back, or move as docs/kafka-mode.md says."
    }

    postcondition {
      condition = self.input.mode != var.mode || (
        self.input.name == local.fixed.name && self.input.subnet_ids == local.fixed.subnet_ids && self.input.kms_key_arn == local.fixed.kms_key_arn
      )
      error_message = "A change of the cluster's name, subnets or key would replace the brokers and lose what is in the topics. Nothing was changed. Set it back, or move to a second environment as docs/kafka-mode.md says."
    }
  }
}
