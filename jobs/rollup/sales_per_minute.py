"""The curated table: what every store sold in every minute.

One row a store, minute, currency and business date, so that receipts can be counted: a receipt with lines of three
departments would count three times in a table by department. The departments of the minute are a list in the same row,
not a second table, because Delta commits one table at a time and a reader must never see one half without the other.

Money is the receipts' own. The departments' money is the lines', and adds up to it: the job commits nothing else.
Names and time zones are those of the dimensions at the moment the hour was computed.
"""

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f
from pyspark.sql.pandas.types import from_arrow_type

from lake.tables import TableDefinition

TABLE = "sales_per_minute"
UNKNOWN_DEPARTMENT = "unknown"
"""Of products that the dimension does not have: their money counts all the same."""

DEPARTMENTS = pa.list_(
    pa.struct([("department", pa.string()), ("lines", pa.int64()), ("units", pa.int64()), ("amount", pa.int64())])
)
SCHEMA = pa.schema(
    [
        ("store_id", pa.string()),
        ("store_name", pa.string()),
        ("time_zone", pa.string()),
        ("minute", pa.timestamp("us", tz="UTC")),
        ("currency", pa.string()),
        ("receipts", pa.int64()),
        ("sales", pa.int64()),
        ("returns", pa.int64()),
        ("voids", pa.int64()),
        ("amount", pa.int64()),
        ("sales_amount", pa.int64()),
        ("returns_amount", pa.int64()),
        ("voids_amount", pa.int64()),
        ("lines", pa.int64()),
        ("units", pa.int64()),
        # Lines a receipt. Units would not do: some products are counted by weight.
        ("basket_size", pa.float64()),
        ("departments", DEPARTMENTS),
        ("dt", pa.date32()),
        ("hour", pa.int32()),
    ]
)

DEFINITION = TableDefinition(TABLE, SCHEMA, ("dt", "hour"))

# What is read of the raw tables and of the dimensions.
RECEIPT_COLUMNS = (
    *("kafka_topic_id", "kafka_partition", "kafka_offset"),
    *("store_id", "business_date", "event_time", "currency", "type", "total"),
)
LINE_COLUMNS = (
    *("kafka_topic_id", "kafka_partition", "kafka_offset"),
    *("store_id", "business_date", "event_time", "currency", "sku", "quantity", "amount"),
)
STORE_COLUMNS = ("store_id", "name", "time_zone")
PRODUCT_COLUMNS = ("sku", "department")

_ROW_KEY = ["kafka_topic_id", "kafka_partition", "kafka_offset"]
_TYPES = {"sales": "sale", "returns": "return", "voids": "void"}
_GRAIN = ["dt", "hour", "store_id", "minute", "currency"]


def partition() -> tuple[Column, Column]:
    """Where a row of a raw table belongs: dt is its business date, hour the UTC hour of its event."""
    return f.col("business_date").alias("dt"), f.hour("event_time").alias("hour")


def sales_per_minute(receipts: DataFrame, lines: DataFrame, stores: DataFrame, products: DataFrame) -> DataFrame:
    """The rows of SCHEMA for these receipts.

    Lines are committed before their receipts, so `lines` may hold more than belongs to `receipts`: only lines of a
    receipt that is there count.
    """
    minute = f.date_trunc("minute", "event_time").alias("minute")
    heads = receipts.select(*partition(), "store_id", minute, "currency", "type", "total")
    totals = heads.groupBy(_GRAIN).agg(
        f.count("*").alias("receipts"),
        *(f.count_if(f.col("type") == kind).alias(name) for name, kind in _TYPES.items()),
        f.sum("total").alias("amount"),
        *(_sum_where(f.col("type") == kind, "total").alias(f"{name}_amount") for name, kind in _TYPES.items()),
    )
    departments = (
        lines.join(receipts.select(_ROW_KEY), _ROW_KEY, "left_semi")
        .select(*partition(), "store_id", minute, "currency", "sku", "quantity", "amount")
        .join(f.broadcast(_one_each(products, "sku", "department")), "sku", "left")
        .groupBy(*_GRAIN, f.coalesce("department", f.lit(UNKNOWN_DEPARTMENT)).alias("department"))
        .agg(f.count("*").alias("lines"), f.sum("quantity").alias("units"), f.sum("amount").alias("amount"))
        .groupBy(_GRAIN)
        .agg(
            f.sum("lines").alias("lines"),
            f.sum("units").alias("units"),
            f.array_sort(f.collect_list(f.struct("department", "lines", "units", "amount"))).alias("departments"),
        )
    )
    return (
        totals.join(departments, _GRAIN, "left")
        .join(f.broadcast(_one_each(stores, "store_id", "name", "time_zone")), "store_id", "left")
        .withColumnRenamed("name", "store_name")
        .withColumns({"lines": f.coalesce("lines", f.lit(0)), "units": f.coalesce("units", f.lit(0))})
        .withColumn("departments", f.coalesce("departments", f.array().cast(from_arrow_type(DEPARTMENTS))))
        .withColumn("basket_size", f.col("lines") / f.col("receipts"))
        .select(SCHEMA.names)
    )


def _sum_where(condition: Column, column: str) -> Column:
    return f.sum(f.when(condition, f.col(column)).otherwise(f.lit(0)))


def _one_each(dimension: DataFrame, key: str, *columns: str) -> DataFrame:
    """The dimension with one row a key: a second one would double the money."""
    return dimension.groupBy(key).agg(*(f.max(column).alias(column) for column in columns))
