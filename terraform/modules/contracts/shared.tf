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
  # quality/validation/ledger.py
  quality_tables = {
    quality_partitions = {
      comment = "How each part of a table was judged; the newest judgement says whether to take or to skip it."
      columns = [
        { name = "feed", type = "string", comment = "The feed." },
        { name = "table_name", type = "string", comment = "The table that was judged." },
        { name = "version", type = "bigint", comment = "The version at which it was judged." },
        { name = "hour", type = "int", comment = "The part's hour (UTC); null: the whole business date." },
        { name = "verdict", type = "string", comment = "pass, warn or fail." },
        { name = "failed", type = "array<string>", comment = "The expectations that do not hold." },
        { name = "judged_at", type = "timestamp", comment = "As of when it was judged." },
        { name = "judgement", type = "bigint", comment = "Rises with each judgement." },
        { name = "dt", type = "date", comment = "The part's business date." },
      ]
      partition_columns = ["dt"]
    }
    quality_results = {
      comment = "What each expectation found in a run of the validation."
      columns = [
        { name = "feed", type = "string", comment = "The feed." },
        { name = "suite", type = "string", comment = "The suite." },
        { name = "table_name", type = "string", comment = "The table that was judged." },
        { name = "version", type = "bigint", comment = "The version at which it was judged." },
        { name = "expectation", type = "string", comment = "The expectation." },
        { name = "description", type = "string", comment = "What it expects, in words." },
        { name = "severity", type = "string", comment = "error or warning." },
        { name = "success", type = "boolean", comment = "Whether it holds." },
        { name = "violations", type = "bigint", comment = "Violations in the parts where it does not." },
        { name = "parts_judged", type = "bigint", comment = "The parts that were judged." },
        { name = "parts_failing", type = "bigint", comment = "Those where it does not hold." },
        { name = "sample", type = "string", comment = "A few violating rows, as JSON." },
        { name = "judged_at", type = "timestamp", comment = "As of when it was judged." },
        { name = "judgement", type = "bigint", comment = "Rises with each judgement." },
        { name = "judged_on", type = "date", comment = "The UTC date of judged_at." },
      ]
      partition_columns = ["judged_on"]
    }
  }
}

locals {
  shared_tables = merge(local.system_tables, local.dimension_tables, local.curated_tables, local.quality_tables)
}
