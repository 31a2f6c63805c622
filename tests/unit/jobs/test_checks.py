import datetime as dt

import pyarrow as pa
import pytest

from contracts import reasons
from contracts.verdicts import Verdicts
from jobs.ingest.checks import Stores, check_times, header_values, key_generations

STORES = Stores.from_table(
    pa.table(
        {
            "store_id": ["330", "367"],
            "time_zone": ["America/New_York", "Asia/Tokyo"],
            "key_generation": pa.array([1, 1], pa.int32()),
        }
    )
)
NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
HEADERS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))


def reason(store: str, event_time: dt.datetime, business_date: dt.date) -> str | None:
    rows = pa.table(
        {
            "store_id": [store],
            "event_time": pa.array([event_time], pa.timestamp("us", "UTC")),
            "business_date": pa.array([business_date], pa.date32()),
        }
    )
    verdicts = Verdicts(1)
    check_times(verdicts, rows, STORES, pa.scalar(NOW, pa.timestamp("us", "UTC")))
    return verdicts.refused[0].reason if verdicts.refused else None


@pytest.mark.parametrize(("minutes", "expected"), [(120, None), (121, reasons.FUTURE_EVENT_TIME)])
def test_a_clock_may_be_two_hours_ahead(minutes: int, expected: str | None) -> None:
    """Beyond that it is not believed."""
    assert reason("330", NOW + dt.timedelta(minutes=minutes), NOW.date()) == expected


@pytest.mark.parametrize(
    ("store", "hour", "day", "expected"),
    [
        # 02:00 UTC is the 19th in New York, and the 20th in Tokyo.
        ("330", 2, 18, None),
        ("330", 2, 20, None),
        ("330", 2, 21, reasons.WRONG_BUSINESS_DATE),
        ("367", 2, 18, reasons.WRONG_BUSINESS_DATE),
        ("367", 2, 19, None),
        ("367", 2, 21, None),
    ],
)
def test_a_business_date_is_near_the_stores_own_date(store: str, hour: int, day: int, expected: str | None) -> None:
    """One day before or after, by the clock on the store's wall."""
    at = dt.datetime(2026, 11, 20, hour, tzinfo=dt.UTC)
    assert reason(store, at, dt.date(2026, 11, day)) == expected


def headers(*messages: list[tuple[str, bytes]] | None) -> pa.ListArray:
    return pa.array(
        [None if entries is None else [{"key": key, "value": value} for key, value in entries] for entries in messages],
        HEADERS,
    )


def test_the_last_header_of_a_name_counts() -> None:
    """A message without it, or without any headers, has none."""
    found = header_values(headers([("a", b"1"), ("b", b"2"), ("a", b"3")], [("b", b"4")], [], None), "a")
    assert found.to_pylist() == [b"3", None, None, None]


@pytest.mark.parametrize("value", [b"", b"-1", b"1.0", b"\xff", b"99999999999999999999", "\u0661".encode()])
def test_a_generation_that_is_no_number_is_none(value: bytes) -> None:
    """Whatever stands in the header, a number comes out."""
    assert key_generations(headers([("key_generation", value)], [("key_generation", b"12")])).tolist() == [0, 12]
