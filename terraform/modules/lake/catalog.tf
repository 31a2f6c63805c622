################################################################################
# Glue: the tables' names and places, so that Athena reads them
################################################################################

resource "aws_glue_catalog_database" "this" {
  count = var.catalog == null ? 0 : 1

  name        = var.catalog.database
  description = "Tables of the lake ${aws_s3_bucket.this["lake"].id}, from the contracts."
}

# Athena reads schema, partitions and files from the Delta log at the location; columns stand here for people and for
# Lake Formation. All of them stand in the descriptor, as partitions are the log's affair, not Glue's.
# https://docs.aws.amazon.com/athena/latest/ug/delta-lake-tables.html
resource "aws_glue_catalog_table" "this" {
  for_each = var.catalog == null ? {} : module.contracts.tables

  name          = each.key
  database_name = aws_glue_catalog_database.this[0].name
  description   = each.value.comment
  table_type    = "EXTERNAL_TABLE"

  parameters = {
    EXTERNAL = "TRUE"
    # Athena asks for the first, Spark and Trino for the second.
    table_type                   = "DELTA"
    "spark.sql.sources.provider" = "delta"
    classification               = "delta"
  }

  storage_descriptor {
    location      = "s3://${aws_s3_bucket.this["lake"].id}/${each.key}/"
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"

      parameters = {
        path                   = "s3://${aws_s3_bucket.this["lake"].id}/${each.key}/"
        "serialization.format" = "1"
      }
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = substr(columns.value.comment, 0, 255)
      }
    }
  }
}
