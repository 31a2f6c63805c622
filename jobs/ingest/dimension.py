"""The store dimension on its way from its table to the tasks."""

import threading
import time

import pyarrow as pa
from pyspark import Broadcast, SparkContext

from lake.tables import DeltaTables

TABLE = "dim_stores"
COLUMNS = ["store_id", "time_zone", "key_generation"]
LOOK_AGAIN_SECONDS = 10


class StoreDimension:
    """Broadcasts the newest version; looks whether there is one at most every ten seconds."""

    def __init__(self, context: SparkContext, tables: DeltaTables) -> None:
        self._context = context
        self._tables = tables
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._version = -1
        self._broadcast: Broadcast[bytes]

    def current(self) -> "Broadcast[bytes]":
        """Raise LakeError where the table is missing."""
        with self._lock:
            if time.monotonic() > self._looked + LOOK_AGAIN_SECONDS:
                table = self._tables.table(TABLE)
                if table.version() != self._version:
                    self._broadcast = self._context.broadcast(_stream(table.to_pyarrow_table(columns=COLUMNS)))
                    self._version = table.version()
                self._looked = time.monotonic()
            return self._broadcast


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body: bytes = sink.getvalue().to_pybytes()
    return body
