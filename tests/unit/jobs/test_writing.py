import datetime as dt
import io

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.ingest.writing import OffsetRange, by_partition, encode

DAY, NEXT = dt.date(2026, 11, 20), dt.date(2026, 11, 21)
OFFSETS = OffsetRange("AbCdEfGhIjKlMnOpQrStUv", 3, 100, 104)


def table(rows: list[tuple[dt.date, int, int]]) -> pa.Table:
    days, hours, offsets = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "kafka_offset": pa.array(offsets, pa.int64()),
            "dt": pa.array(days, pa.date32()),
            "hour": pa.array(hours, pa.int32()),
        }
    )


def split(rows: list[tuple[dt.date, int, int]]) -> dict[tuple[str, str], list[int]]:
    parts = list(by_partition(table(rows), ("dt", "hour")))
    found = {(values["dt"], values["hour"]): part["kafka_offset"].to_pylist() for values, part in parts}
    assert len(found) == len(parts)
    return found


def test_each_partition_comes_once() -> None:
    """Rows are grouped by date and hour however they stand, and keep their order within."""
    rows = [(DAY, 9, 100), (NEXT, 9, 101), (DAY, 10, 102), (DAY, 9, 103), (NEXT, 0, 104)]
    assert split(rows) == {
        ("2026-11-20", "9"): [100, 103],
        ("2026-11-20", "10"): [102],
        ("2026-11-21", "9"): [101],
        ("2026-11-21", "0"): [104],
    }


def test_grouped_rows_are_only_sliced() -> None:
    """An hour that comes again on another day does not mix with the first."""
    assert split([(DAY, 23, 100), (NEXT, 0, 101), (NEXT, 23, 102)]) == {
        ("2026-11-20", "23"): [100],
        ("2026-11-21", "0"): [101],
        ("2026-11-21", "23"): [102],
    }


def test_no_rows_make_no_partition() -> None:
    """An empty table is no object."""
    assert split([]) == {}


def test_equal_rows_are_the_same_object() -> None:
    """The name ends in the hash of the bytes, so a replay writes what is there; other content has another name."""
    first, again, other = (
        encode("receipts", {"dt": "2026-11-20", "hour": "9"}, pa.table({"kafka_offset": offsets}), OFFSETS)
        for offsets in ([100, 104], [100, 104], [100, 103])
    )
    assert first == again
    assert first.path != other.path
    assert first.path.startswith("dt=2026-11-20/hour=9/AbCdEfGhIjKlMnOpQrStUv-3-100-104.")


def test_statistics_say_what_the_object_holds() -> None:
    """They are spelled as Delta wants them."""
    times = [dt.datetime(2026, 11, 20, 9, 0, 0, 5000, tzinfo=dt.UTC), None]
    rows = pa.table(
        {"kafka_offset": [100, 104], "event_time": pa.array(times, pa.timestamp("us", "UTC")), "sku": ["a", "b"]}
    )
    made = encode("receipts", {"dt": "2026-11-20", "hour": "9"}, rows, OFFSETS)
    assert made.statistics == {
        "numRecords": 2,
        "minValues": {"kafka_offset": 100, "event_time": "2026-11-20T09:00:00.005000Z"},
        "maxValues": {"kafka_offset": 104, "event_time": "2026-11-20T09:00:00.005000Z"},
        "nullCount": {"kafka_offset": 0, "event_time": 1},
    }
    assert pq.read_table(io.BytesIO(made.body)) == rows
