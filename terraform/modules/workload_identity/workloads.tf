################################################################################
# Workloads
################################################################################

locals {
  workloads = toset(["spark-ingest", "spark-batch", "quality", "reference-data", "topics"])

  # By workload and bucket: prefixes of the keys it may read (and list), write, and delete. Writing alone lists, too,
  # but reads nothing.
  grants = {
    spark-ingest = {
      lake = {
        read = concat(
          local.read_tables["spark-ingest"],
          local.shared_tables,
          local.read_manifests["spark-ingest"],
          ["dim_stores/"],
        )
        write = concat(
          local.written_tables["spark-ingest"],
          local.shared_tables,
          local.written_manifests["spark-ingest"],
        )
        # Objects are named by their content and committed by a log that only grows: nothing is ever deleted.
        delete = []
      }
      checkpoints = {
        read  = ["ingest/"]
        write = ["ingest/"]
        # Hadoop renames by copy and delete, and Spark removes the records of old batches.
        delete = ["ingest/"]
      }
    }

    # Its progress is in the tables' logs, so it has no checkpoints; a delivery that is made again is a new version.
    spark-batch = {
      lake = {
        read   = concat(local.read_tables["spark-batch"], local.dimension_tables, local.curated_tables, local.exports)
        write  = concat(local.curated_tables, local.exports)
        delete = []
      }
      checkpoints = {
        read   = []
        write  = []
        delete = []
      }
    }

    quality = {
      lake = {
        read = concat(
          local.read_tables["quality"],
          local.shared_tables,
          local.read_manifests["quality"],
          local.dimension_tables,
          local.curated_tables,
        )
        write  = []
        delete = []
      }
      checkpoints = {
        read   = []
        write  = []
        delete = []
      }
    }

    reference-data = {
      lake = {
        read   = local.dimension_tables
        write  = local.dimension_tables
        delete = []
      }
      checkpoints = {
        read   = []
        write  = []
        delete = []
      }
    }

    # Kafka's administrator: it has a role, so that it can log in to Kafka by it, and reaches no bucket.
    topics = {
      lake = {
        read   = []
        write  = []
        delete = []
      }
      checkpoints = {
        read   = []
        write  = []
        delete = []
      }
    }
  }
}
