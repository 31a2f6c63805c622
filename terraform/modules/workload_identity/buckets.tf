################################################################################
# Buckets: by workload, the prefixes it may read (and list), write, and delete
################################################################################

locals {
  # Writing or deleting alone lists, too, but reads nothing. Who is not named here reaches no bucket.
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
      # Replay is a task of Airflow's that works as ingest does.
      artifacts = {
        read   = concat(local.event_logs["spark-ingest"].read, local.task_logs.read)
        write  = concat(local.event_logs["spark-ingest"].write, local.task_logs.write)
        delete = local.event_logs["spark-ingest"].delete
      }
    }

    # Its progress is in the tables' logs, so it has no checkpoints; a delivery that is made again is a new version.
    spark-batch = {
      lake = {
        read   = concat(local.read_tables["spark-batch"], local.dimension_tables, local.curated_tables, local.exports)
        write  = concat(local.curated_tables, local.exports)
        delete = []
      }
      artifacts = local.event_logs["spark-batch"]
    }

    quality = {
      lake = {
        read = concat(
          local.read_tables["quality"],
          local.shared_tables,
          local.read_manifests["quality"],
          local.curated_tables,
          local.dimension_tables,
          local.quality_tables,
          local.expired,
        )
        # What it found, and nothing that it judges.
        write  = local.quality_tables
        delete = []
      }
      artifacts = {
        read   = local.task_logs.read
        write  = concat(local.task_logs.write, ["data-docs/"])
        delete = []
      }
    }

    # Puts rows into other objects and lets go of what nobody needs. Logs only grow, as everywhere.
    upkeep = {
      lake = {
        read = concat(
          local.read_tables["upkeep"],
          local.shared_tables,
          local.curated_tables,
          local.read_manifests["upkeep"],
          local.expired,
        )
        write = concat(local.written_tables["upkeep"], local.shared_tables, local.curated_tables, local.expired)
        delete = concat(
          [
            for table in concat(local.written_tables["upkeep"], local.shared_tables, local.curated_tables) :
            local.rows[table]
          ],
          local.written_manifests["upkeep"],
        )
      }
      checkpoints = {
        read   = []
        write  = []
        delete = ["ingest/"]
      }
      artifacts = local.task_logs
    }

    reference-data = {
      lake = {
        read   = local.dimension_tables
        write  = local.dimension_tables
        delete = []
      }
    }

    # Counts, sizes and times stand in the logs and manifests. It sees no receipt but those in quarantine, whose headers
    # say which ones they are; beside them what stores and registers say of themselves.
    lake-exporter = {
      lake = {
        read = concat(
          local.seen_tables,
          [for log in local.logs : log if !contains(local.seen_tables, trimsuffix(log, "_delta_log/"))],
          local.manifests,
        )
        write  = []
        delete = []
      }
    }

    airflow = {
      artifacts = local.task_logs
    }

    # Measures the streams' health: how far each feed and each curated table has come.
    airflow-triggerer = {
      lake = {
        read   = concat(local.described_progress["airflow-triggerer"], local.curated_logs)
        write  = []
        delete = []
      }
      artifacts = local.task_logs
    }
  }

  # The tables whose rows the exporter reads, too.
  seen_tables = concat(local.read_tables["lake-exporter"], ["quarantine/", "dim_stores/", "quality_results/"])

  # What the tasks said, which would go with their pods: each writes it under the role of its work, after what an earlier
  # try said.
  task_logs = {
    read   = ["airflow-logs/"]
    write  = ["airflow-logs/"]
    delete = []
  }

  # What Spark's history server reads. A driver's log is renamed when it ends: copied and deleted.
  event_logs = {
    for workload in ["spark-ingest", "spark-batch"] : workload => {
      read   = ["spark-events/${workload}/"]
      write  = ["spark-events/${workload}/"]
      delete = ["spark-events/${workload}/"]
    }
  }

  bucket_statements = {
    for workload, buckets in local.grants : workload => concat(
      [
        for bucket, grant in buckets : {
          Sid       = "List${title(bucket)}"
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = [var.buckets[bucket].arn]
          Condition = { StringLike = { "s3:prefix" = [for prefix in distinct(concat(grant.read, grant.write, [for prefix in grant.delete : prefix if !contains(local.rows_of_tables, prefix)])) : "${prefix}*"] } }
        }
      ],
      [
        for bucket, grant in buckets : {
          Sid      = "Read${title(bucket)}"
          Effect   = "Allow"
          Action   = ["s3:GetObject"]
          Resource = [for prefix in grant.read : "${var.buckets[bucket].arn}/${prefix}*"]
        } if length(grant.read) > 0
      ],
      [
        for bucket, grant in buckets : {
          Sid      = "Write${title(bucket)}"
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:PutObject"]
          Resource = [for prefix in grant.write : "${var.buckets[bucket].arn}/${prefix}*"]
        } if length(grant.write) > 0
      ],
      [
        for bucket, grant in buckets : {
          Sid      = "Delete${title(bucket)}"
          Effect   = "Allow"
          Action   = ["s3:DeleteObject"]
          Resource = [for prefix in grant.delete : "${var.buckets[bucket].arn}/${prefix}*"]
        } if length(grant.delete) > 0
      ],
    )
  }

  # Only buckets that are encrypted by a key of one's own need leave to use it. An upload in parts also reads it back.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
  bucket_key_statements = {
    for workload, buckets in local.grants : workload => [
      {
        Sid    = "UseKeyOfBuckets"
        Effect = "Allow"
        Action = concat(
          ["kms:Decrypt"],
          anytrue([for grant in values(buckets) : length(grant.write) > 0]) ? ["kms:GenerateDataKey"] : [],
        )
        Resource  = [local.kms_keys.lake]
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.account.region}.amazonaws.com" } }
      },
    ] if var.kms_keys != null
  }
}
