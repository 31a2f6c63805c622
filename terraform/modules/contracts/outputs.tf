output "feeds" {
  description = "By feed: its topic, its tables (the message's own first), and its roles by access (produce, consume, describe, write, read)."
  value       = local.feeds

  # A table's name becomes a prefix in policies and lifecycle rules: with a star or a slash in it, it would reach others.
  precondition {
    condition = alltrue(flatten([
      for feed in values(local.feeds) : [for table in feed.tables : can(regex("^[a-z][a-z0-9_]*$", table))]
    ]))
    error_message = "A contract names a table that cannot be a prefix: ${join(", ", flatten([
      for name, feed in local.feeds : [
        for table in feed.tables : "${table} (${name})" if !can(regex("^[a-z][a-z0-9_]*$", table))
      ]
    ]))}. Write lower-case letters, digits and _, beginning with a letter; for example receipt_lines."
  }

  precondition {
    condition = length(distinct(concat(keys(local.shared_tables), flatten([for feed in values(local.feeds) : feed.tables])))) == length(
      concat(keys(local.shared_tables), flatten([for feed in values(local.feeds) : feed.tables]))
    )
    error_message = "Two contracts name the same table, or one names a table of the platform (${join(", ", keys(local.shared_tables))}). Each table has one owner: give it a name of its own."
  }

  precondition {
    condition = alltrue([
      for feed in values(local.feeds) : can(regex("^[a-z][a-z0-9.-]*$", feed.topic))
    ])
    error_message = "A contract names no topic, or one that cannot stand in a policy. Write the custom property kafkaTopic with the name <feed>.v<major>; for example pos.receipts.v1."
  }
}

output "tables" {
  description = "By name, every table of the lake: its comment, its columns with Hive's types, and by which of them it is partitioned."
  value       = merge(local.feed_tables, local.shared_tables)
}

output "shared" {
  description = "Names of the tables that are no feed's: system (what was refused, what came twice), dimensions, curated, quality (what validation found)."
  value = {
    system     = keys(local.system_tables)
    dimensions = keys(local.dimension_tables)
    curated    = keys(local.curated_tables)
    quality    = keys(local.quality_tables)
  }
}
