"""The bytes of a delivery."""

import io
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from pyarrow import orc

from jobs.export.formats import WRITERS, to_csv, to_orc

SCHEMA = pa.schema(
    [("name", pa.string()), ("amount", pa.int64()), ("day", pa.date32()), ("at", pa.timestamp("us", tz="UTC"))]
)
ROWS = [
    {
        "name": 'a "quoted", one',
        "amount": -5,
        "day": date(2026, 11, 20),
        "at": datetime(2026, 11, 20, 9, 1, 2, 345000, UTC),
    },
    {"name": "", "amount": None, "day": None, "at": None},
    {"name": None, "amount": 0, "day": date(2026, 11, 20), "at": datetime(2026, 11, 20, tzinfo=UTC)},
]
BATCHES = pa.Table.from_pylist(ROWS, SCHEMA).to_batches(max_chunksize=2)


def test_csv_is_as_its_dialect_says():
    """Strings and times are quoted, null is nothing, an empty string is quoted, times are UTC."""
    assert to_csv(BATCHES, SCHEMA).decode() == (
        '"name","amount","day","at"\n'
        '"a ""quoted"", one",-5,2026-11-20,"2026-11-20T09:01:02.345000Z"\n'
        '"",,,\n'
        ',0,2026-11-20,"2026-11-20T00:00:00.000000Z"\n'
    )


def test_orc_gives_every_row_back():
    """An ORC object read again holds the rows that were written, in their order."""
    found = orc.read_table(io.BytesIO(to_orc(BATCHES, SCHEMA)))
    assert found.cast(SCHEMA).to_pylist() == ROWS


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_rows_are_the_same_bytes(name: str):
    """Delivering twice writes the same object, not a second one."""
    assert WRITERS[name](BATCHES, SCHEMA) == WRITERS[name](BATCHES, SCHEMA)  # type: ignore[index]
