"""The formats that deliveries come in. Each writes Arrow batches of one schema into one object, in memory."""

import io
from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, orc

from contracts.model import ExportFormat

Writer = Callable[[Iterable[pa.RecordBatch], pa.Schema], bytes]

ROWS_PER_OBJECT = 1_000_000

DIALECTS: Mapping[ExportFormat, Mapping[str, str]] = {
    "orc": {"compression": "zstd", "timestamp": "UTC instant", "null": "null"},
    "csv": {
        "encoding": "UTF-8",
        "header": "first line",
        "delimiter": ",",
        "quote": '" around every string and timestamp, doubled inside one',
        "line_end": "LF",
        "null": "nothing between the delimiters; an empty string is quoted",
        "timestamp": "YYYY-MM-DDTHH:MM:SS.ffffffZ",
        "date": "YYYY-MM-DD",
        "money": "integer minor units",
    },
}
"""What a reader must know, as every delivery's manifest repeats it."""


def to_orc(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> bytes:
    sink = io.BytesIO()
    with orc.ORCWriter(sink, compression="zstd") as writer:
        for batch in batches:
            writer.write(pa.Table.from_batches([batch], schema))
    return sink.getvalue()


def to_csv(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> bytes:
    sink = io.BytesIO()
    written = pa.schema([field.with_type(_csv_type(field.type)) for field in schema])
    with csv.CSVWriter(sink, written) as writer:
        for batch in batches:
            columns = [_csv_column(column) for column in batch.columns]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=written))
    return sink.getvalue()


WRITERS: Mapping[ExportFormat, Writer] = {"orc": to_orc, "csv": to_csv}


def _csv_type(given: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_timestamp(given) else given


def _csv_column(column: pa.Array) -> pa.Array:
    """Timestamps as ISO 8601 with T and Z, as the events have them."""
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    return column
