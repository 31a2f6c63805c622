"""From messages to rows of tables."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from contracts import Contract
from contracts.decoding import Decoder
from contracts.splitting import split
from tests.support.events import FEEDS, event, payload


def located(decoder: Decoder, *bodies: dict[str, object]) -> pa.Table:
    """Decoded rows, with the places they came from: partition 1, from offset 40 on."""
    rows = decoder.decode(pa.array([payload(body) for body in bodies], pa.binary())).rows
    count = len(bodies)
    for name, values in {
        "kafka_topic_id": pa.array(["topic"] * count, pa.string()),
        "kafka_partition": pa.array([1] * count, pa.int32()),
        "kafka_offset": pa.array(range(40, 40 + count), pa.int64()),
        "kafka_timestamp": pa.array([datetime(2026, 11, 23, 19, 5, tzinfo=UTC)] * count, pa.timestamp("us", "UTC")),
        "key_generation": pa.array([1] * count, pa.int32()),
        "signature": pa.array([b"s" * 32] * count, pa.binary()),
    }.items():
        rows = rows.append_column(name, values)
    return rows


@pytest.mark.parametrize("feed", FEEDS)
def test_tables_have_exactly_their_schema(
    contracts: Mapping[str, Contract], decoders: Mapping[str, Decoder], feed: str
):
    """Each table of each feed comes out in the order of commits, with the columns its contract names."""
    contract = contracts[feed]
    tables = split(contract, located(decoders[feed], event(feed)))
    assert list(tables) == [table.name for table in contract.tables]
    assert all(tables[table.name].schema == table.arrow_schema() for table in contract.tables)


def test_items_become_rows_beside_their_receipt(contracts: Mapping[str, Contract], receipts: Decoder):
    """Each item has its position, its receipt's place and what it inherits; a list without items makes no row."""
    empty = event(lines=[], tenders=[], total=0, customer_id=None)
    tables = split(
        contracts["pos.receipts"], located(receipts, event(), empty, event(seq=8, event_id="330:2:9f86d081884c:8"))
    )
    lines = tables["receipt_lines"].select(["kafka_offset", "ordinal", "line_no", "amount", "type"]).to_pylist()
    assert lines == [
        {"kafka_offset": offset, "ordinal": ordinal, "line_no": ordinal + 1, "amount": amount, "type": "sale"}
        for offset in (40, 42)
        for ordinal, amount in enumerate((199, 301))
    ]
    assert tables["receipt_tenders"]["tender_type"].to_pylist() == ["voucher", "card"] * 2
    assert tables["receipts"]["kafka_offset"].to_pylist() == [40, 41, 42]
    assert tables["receipts"]["ordinal"].to_pylist() == [0, 0, 0]


def test_partition_columns_are_business_date_and_utc_hour(contracts: Mapping[str, Contract], receipts: Decoder):
    """Rows go by the till's own date and the UTC hour, in parent and child alike, also where they are of two days."""
    late = event(business_date="2026-11-23", event_time="2026-11-24T03:59:59.999Z")
    for table in split(contracts["pos.receipts"], located(receipts, late)).values():
        assert set(table["dt"].to_pylist()) == {date(2026, 11, 23)}
        assert set(table["hour"].to_pylist()) == {3}


def test_a_selection_of_rows_splits_alike(contracts: Mapping[str, Contract], receipts: Decoder):
    """Rows that were filtered, sliced and put together from pieces split as if they had been decoded so."""
    bodies = [event(seq=seq, event_id=f"330:2:9f86d081884c:{seq}") for seq in range(1, 7)]
    rows = located(receipts, *bodies)
    pieces = pa.concat_tables([rows.slice(1, 2), rows.filter(pa.array([False] * 4 + [True] * 2))])
    tables = split(contracts["pos.receipts"], pieces)
    assert tables["receipts"]["seq"].to_pylist() == [2, 3, 5, 6]
    assert tables["receipt_lines"]["kafka_offset"].to_pylist() == [41, 41, 42, 42, 44, 44, 45, 45]


def test_no_rows_split_into_empty_tables(contracts: Mapping[str, Contract], receipts: Decoder):
    """Where everything was refused, every table is there and empty."""
    tables = split(contracts["pos.receipts"], located(receipts, event()).slice(0, 0))
    assert {name: len(table) for name, table in tables.items()} == {
        "receipt_lines": 0,
        "receipt_tenders": 0,
        "receipts": 0,
    }
