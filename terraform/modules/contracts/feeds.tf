################################################################################
# Feeds: topic, tables, and who may do what with them
################################################################################

locals {
  documents = {
    for file in fileset(var.directory, "*.odcs.yaml") :
    trimsuffix(file, ".odcs.yaml") => yamldecode(file("${var.directory}/${file}"))
  }

  feeds = {
    for feed, document in local.documents : feed => {
      topic = one([for custom in document.customProperties : custom.value.name if custom.property == "kafkaTopic"])

      # The message's own table, then one for each array in it that names one.
      tables = concat([document.schema[0].physicalName], keys(local.arrays[feed]))

      # By what they may do: workloads, and `stores` for all stores at once.
      roles = {
        for access in ["produce", "consume", "describe", "write", "read"] :
        access => sort([for role in document.roles : role.role if role.access == access])
      }
    }
  }
}
