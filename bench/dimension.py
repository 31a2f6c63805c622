"""Writes the store dimension of an empty lake from the Arrow stream on stdin, as the reference-data workload would."""

import sys

import pyarrow as pa
from deltalake import write_deltalake

from lake.objects import ObjectStore
from lake.settings import LakeSettings
from lake.tables import DeltaTables

if __name__ == "__main__":
    tables = DeltaTables(ObjectStore(LakeSettings.from_env().lake_uri))
    stores = pa.ipc.open_stream(sys.stdin.buffer.read()).read_all()
    write_deltalake(tables.table_uri("dim_stores"), stores, storage_options=tables.store.storage_options())
