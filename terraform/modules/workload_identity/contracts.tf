################################################################################
# What the contracts say
################################################################################

locals {
  contracts = {
    for file in fileset(var.contracts_directory, "*.odcs.yaml") :
    trimsuffix(file, ".odcs.yaml") => yamldecode(file("${var.contracts_directory}/${file}"))
  }

  # The message's own table, then one for each array in it that names one.
  feed_tables = {
    for feed, contract in local.contracts : feed => concat(
      [contract.schema[0].physicalName],
      flatten([
        for property in contract.schema[0].properties : [
          for custom in try(property.customProperties, []) : custom.value if custom.property == "table"
        ]
      ]),
    )
  }

  # By workload: the feeds whose tables it may write, and those it may read (writing includes reading).
  written_feeds = {
    for workload in local.workloads : workload => sort([
      for feed, contract in local.contracts : feed
      if contains([for role in contract.roles : role.role if role.access == "write"], workload)
    ])
  }
  read_feeds = {
    for workload in local.workloads : workload => sort([
      for feed, contract in local.contracts : feed
      if contains([for role in contract.roles : role.role if contains(["read", "write"], role.access)], workload)
    ])
  }

  # As prefixes of keys.
  written_tables = {
    for workload, feeds in local.written_feeds : workload => [
      for table in flatten([for feed in feeds : local.feed_tables[feed]]) : "${table}/"
    ]
  }
  read_tables = {
    for workload, feeds in local.read_feeds : workload => [
      for table in flatten([for feed in feeds : local.feed_tables[feed]]) : "${table}/"
    ]
  }

  # What a batch holds, written before it is committed.
  written_manifests = { for workload, feeds in local.written_feeds : workload => [for feed in feeds : "_batches/${feed}/"] }
  read_manifests    = { for workload, feeds in local.read_feeds : workload => [for feed in feeds : "_batches/${feed}/"] }

  # Tables that are no feed's: what was refused and what came twice, of every feed; what is known of stores and products;
  # what was computed.
  shared_tables    = ["quarantine/", "duplicates/"]
  dimension_tables = ["dim_stores/", "dim_products/"]
  curated_tables   = ["sales_per_minute/"]
  exports          = ["exports/"]
}
