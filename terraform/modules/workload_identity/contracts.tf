################################################################################
# What the contracts say, as prefixes of keys
################################################################################

module "contracts" {
  source = "../contracts"

  directory = var.contracts_directory
}

locals {
  feeds = module.contracts.feeds

  # By workload: the feeds whose tables it may write, and those it may read (writing includes reading).
  written_feeds = {
    for workload in local.workloads : workload => sort([
      for feed, contract in local.feeds : feed if contains(contract.roles.write, workload)
    ])
  }
  read_feeds = {
    for workload in local.workloads : workload => sort([
      for feed, contract in local.feeds : feed
      if contains(concat(contract.roles.read, contract.roles.write), workload)
    ])
  }
  # And those of which it may see how far they have come, but no row.
  described_feeds = {
    for workload in local.workloads : workload => sort([
      for feed, contract in local.feeds : feed if contains(contract.roles.describe, workload)
    ])
  }

  written_tables = {
    for workload, feeds in local.written_feeds : workload => [
      for table in flatten([for feed in feeds : local.feeds[feed].tables]) : "${table}/"
    ]
  }
  read_tables = {
    for workload, feeds in local.read_feeds : workload => [
      for table in flatten([for feed in feeds : local.feeds[feed].tables]) : "${table}/"
    ]
  }

  # What a batch holds, written before it is committed.
  written_manifests = { for workload, feeds in local.written_feeds : workload => [for feed in feeds : "_batches/${feed}/"] }
  read_manifests    = { for workload, feeds in local.read_feeds : workload => [for feed in feeds : "_batches/${feed}/"] }
  manifests         = [for feed in keys(local.feeds) : "_batches/${feed}/"]

  # Tables that are no feed's: what was refused and what came twice, of every feed; what is known of stores and products;
  # what was computed.
  shared_tables    = [for table in module.contracts.shared.system : "${table}/"]
  dimension_tables = [for table in module.contracts.shared.dimensions : "${table}/"]
  curated_tables   = [for table in module.contracts.shared.curated : "${table}/"]
  quality_tables   = [for table in module.contracts.shared.quality : "${table}/"]
  exports          = ["exports/"]

  # Which offsets have been let go with their rows.
  expired = ["_expired/"]

  # By table: its rows, which lie below its first partition column, without its log.
  rows = {
    for name, table in module.contracts.tables : "${name}/" => "${name}/${table.partition_columns[0]}="
    if length(table.partition_columns) > 0
  }
  rows_of_tables = values(local.rows)

  # The logs of all tables say what is in them, and hold no row.
  logs = [for table in keys(module.contracts.tables) : "${table}/_delta_log/"]

  # How far a feed has come says the manifest that the log of the message's own table names: of a batch, it is committed
  # last.
  described_progress = {
    for workload, feeds in local.described_feeds : workload => flatten([
      for feed in feeds : ["${local.feeds[feed].tables[0]}/_delta_log/", "_batches/${feed}/"]
    ])
  }
  curated_logs = [for table in local.curated_tables : "${table}_delta_log/"]
}
