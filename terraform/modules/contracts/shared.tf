################################################################################
# Tables that are no feed's. Code describes them; a test compares
################################################################################

locals {
  # contracts/system_tables.py
  system_tables = {
    quarantine = {
      comment = "Messages that were refused, whole, each with its reason."
      columns = [
        { name = "feed", type = "string", comment = "The feed it came by." },
        { name = "dt", type = "date", comment = "UTC date of the batch." },
        { name = "kafka_topic_id", type = "string", comment = "The topic's id in Kafka." },
        { name = "kafka_partition", type = "int", comment = "The partition the message came from." },
        { name = "kafka_offset", type = "bigint", comment = "The message's offset." },
        { name = "topic", type = "string", comment = "The topic's name." },
        { name = "kafka_timestamp", type = "timestamp", comment = "When the sender had it." },
        { name = "key", type = "binary", comment = "The message's key." },
        { name = "payload", type = "binary", comment = "The message, byte by byte." },
        { name = "headers", type = "array<struct<key:string,value:binary>>", comment = "Its headers." },
        { name = "reason", type = "string", comment = "Why it was refused." },
        { name = "detail", type = "string", comment = "What exactly was found." },
        { name = "batch_time", type = "timestamp", comment = "When the batch was decided." },
        { name = "job_version", type = "string", comment = "The job that refused it." },
      ]
      partition_columns = ["feed", "dt"]
    }
    duplicates = {
      comment = "Messages whose event was in the lake already."
      columns = [
        { name = "feed", type = "string", comment = "The feed it came by." },
        { name = "dt", type = "date", comment = "UTC date of the batch." },
        { name = "kafka_topic_id", type = "string", comment = "The topic's id in Kafka." },
        { name = "kafka_partition", type = "int", comment = "The partition the message came from." },
        { name = "kafka_offset", type = "bigint", comment = "The message's offset." },
        { name = "event_id", type = "string", comment = "The event that came twice." },
        { name = "store_id", type = "string", comment = "The store." },
        { name = "register_id", type = "string", comment = "The till." },
        { name = "epoch", type = "string", comment = "The outbox." },
        { name = "seq", type = "bigint", comment = "The number within it." },
        { name = "signature", type = "binary", comment = "HMAC-SHA256 of the payload." },
        { name = "kafka_timestamp", type = "timestamp", comment = "When the sender had it." },
        { name = "batch_time", type = "timestamp", comment = "When the batch was decided." },
      ]
      partition_columns = ["feed", "dt"]
    }
  }

  # What the head office knows of stores and products; stores/fleet/dimension.py
  dimension_tables = {
    dim_stores = {
      comment = "Every store: its time zone, currency and the generation of its key."
      columns = [
        { name = "store_id", type = "string", comment = "The store." },
        { name = "name", type = "string", comment = "Its name." },
        { name = "time_zone", type = "string", comment = "Its time zone, as the IANA calls it." },
        { name = "currency", type = "string", comment = "ISO 4217." },
        { name = "key_generation", type = "int", comment = "The generation of its key that counts." },
        { name = "opened", type = "date", comment = "When it opened." },
      ]
      partition_columns = []
    }
    dim_products = {
      comment = "Every product that can be sold."
      columns = [
        { name = "sku", type = "string", comment = "The product." },
        { name = "name", type = "string", comment = "Its name." },
        { name = "department", type = "string", comment = "Its department." },
        { name = "category", type = "string", comment = "Its category." },
        { name = "brand", type = "string", comment = "National or private." },
        { name = "package_size", type = "string", comment = "As printed on it." },
        { name = "manufacturer_id", type = "string", comment = "Who makes it." },
      ]
      partition_columns = []
    }
  }

  # jobs/rollup/sales_per_minute.py
  curated_tables = {
    sales_per_minute = {
      comment = "What every store sold in every minute; money in minor units."
      columns = concat([
        { name = "store_id", type = "string", comment = "The store." },
        { name = "store_name", type = "string", comment = "Its name." },
        { name = "time_zone", type = "string", comment = "Its time zone." },
        { name = "minute", type = "timestamp", comment = "The minute's beginning, UTC." },
        { name = "currency", type = "string", comment = "ISO 4217." },
        { name = "receipts", type = "bigint", comment = "Receipts of any type." },
        { name = "sales", type = "bigint", comment = "Receipts that are sales." },
        { name = "returns", type = "bigint", comment = "Receipts that are returns." },
        { name = "voids", type = "bigint", comment = "Receipts that are voids." },
        { name = "amount", type = "bigint", comment = "Minor units." },
        { name = "sales_amount", type = "bigint", comment = "Minor units of sales." },
        { name = "returns_amount", type = "bigint", comment = "Minor units of returns." },
        { name = "voids_amount", type = "bigint", comment = "Minor units of voids." },
        { name = "lines", type = "bigint", comment = "Lines of all receipts." },
        { name = "units", type = "bigint", comment = "Units of all lines." },
        { name = "basket_size", type = "double", comment = "Lines a receipt." },
        {
          name    = "departments"
          type    = "array<struct<department:string,lines:bigint,units:bigint,amount:bigint>>"
          comment = "The same by department."
        },
      ], local.partition)
      partition_columns = [for column in local.partition : column.name]
    }
  }
}

locals {
  shared_tables = merge(local.system_tables, local.dimension_tables, local.curated_tables)
}
