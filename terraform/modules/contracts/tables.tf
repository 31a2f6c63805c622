################################################################################
# Columns of the feeds' tables, as the ingest job makes them
################################################################################

locals {
  # By logical type, as Hive (so Glue, so Athena) calls it.
  hive_types = {
    string    = "string"
    integer   = "bigint"
    number    = "double"
    boolean   = "boolean"
    timestamp = "timestamp"
    date      = "date"
  }

  # Where in Kafka a row came from.
  row_key = [
    { name = "kafka_topic_id", type = "string", comment = "The topic's id in Kafka." },
    { name = "kafka_partition", type = "int", comment = "The partition the message came from." },
    { name = "kafka_offset", type = "bigint", comment = "The message's offset." },
    { name = "ordinal", type = "int", comment = "Position of the row within its message." },
  ]
  # What only the row of the message itself carries.
  of_the_message = [
    { name = "kafka_timestamp", type = "timestamp", comment = "When the till's outbox had the message." },
    { name = "key_generation", type = "int", comment = "Generation of the store's key that signed it." },
    { name = "signature", type = "binary", comment = "HMAC-SHA256 of the payload." },
  ]
  extras = [{ name = "extras", type = "string", comment = "Fields that the contract does not know yet, as JSON." }]
  # By the till's business date and the UTC hour of the event.
  partition = [
    { name = "dt", type = "date", comment = "Business date." },
    { name = "hour", type = "int", comment = "UTC hour of the event." },
  ]

  # By feed: the message's scalars, and its arrays by the table they fill.
  scalars = {
    for feed, document in local.documents : feed => [
      for property in document.schema[0].properties : {
        property = property.name
        name     = try(property.physicalName, property.name)
        type     = local.hive_types[property.logicalType]
        comment  = try(property.description, "")
      } if property.logicalType != "array"
    ]
  }
  arrays = {
    for feed, document in local.documents : feed => merge([
      for property in document.schema[0].properties : {
        for custom in property.customProperties : custom.value => property.items.properties
        if custom.property == "table"
      } if property.logicalType == "array"
    ]...)
  }
  inherited = {
    for feed, document in local.documents : feed => flatten([
      for custom in document.customProperties : custom.value if custom.property == "inherit"
    ])
  }

  parents = {
    for feed, document in local.documents : document.schema[0].physicalName => {
      comment = trimspace(document.description.purpose)
      columns = concat(
        local.row_key,
        local.of_the_message,
        [for scalar in local.scalars[feed] : { name = scalar.name, type = scalar.type, comment = scalar.comment }],
        local.extras,
        local.partition,
      )
      partition_columns = [for column in local.partition : column.name]
    }
  }
  children = merge([
    for feed, arrays in local.arrays : {
      for table, items in arrays : table => {
        comment = "Items of ${local.feeds[feed].topic}, one row each."
        columns = concat(
          local.row_key,
          flatten([
            for property in local.inherited[feed] : [
              for scalar in local.scalars[feed] :
              { name = scalar.name, type = scalar.type, comment = scalar.comment } if scalar.property == property
            ]
          ]),
          [
            for item in items : {
              name    = try(item.physicalName, item.name)
              type    = local.hive_types[item.logicalType]
              comment = try(item.description, "")
            }
          ],
          local.partition,
        )
        partition_columns = [for column in local.partition : column.name]
      }
    }
  ]...)

  feed_tables = merge(local.parents, local.children)
}
