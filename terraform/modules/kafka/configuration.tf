################################################################################
# Configuration of the brokers
#
# A change makes a new revision of the same configuration. `kafka_versions` is left out: it only restricts, and to change
# it would replace a configuration that the cluster still uses.
# https://docs.aws.amazon.com/msk/latest/developerguide/msk-configuration-properties.html
################################################################################

locals {
  server_properties = {
    # Topics come from the contracts, and from nowhere else.
    "auto.create.topics.enable" = false
    # Nobody who logs in by certificate or SCRAM may do what no ACL allows. IAM logins are governed by IAM.
    "allow.everyone.if.no.acl.found" = false
    # What is acknowledged is on two brokers, and only a broker that has it may lead.
    "min.insync.replicas"            = 2
    "default.replication.factor"     = 3
    "unclean.leader.election.enable" = false

    "offsets.topic.replication.factor"         = 3
    "transaction.state.log.min.isr"            = 2
    "transaction.state.log.replication.factor" = 3
  }
}

resource "aws_msk_configuration" "this" {
  count = local.msk ? 1 : 0

  name              = var.name
  description       = "Brokers of ${var.name}"
  server_properties = join("", [for property, value in local.server_properties : "${property}=${value}\n"])

  lifecycle {
    # Where it must be replaced, the cluster first gets the new one.
    create_before_destroy = true
  }

  depends_on = [terraform_data.fixed]
}
