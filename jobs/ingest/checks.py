"""What the payload alone cannot tell: is it signed, by a known store, in its partition, at a possible time.

All of it works on whole columns. The only loop over rows is the signature's.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contracts import events, partitioning, reasons
from contracts.verdicts import Mask, Verdicts
from jobs.ingest.signatures import Signatures

FUTURE_LIMIT_SECONDS = 2 * 3600
BUSINESS_DATE_LIMIT_DAYS = 1
# A store changes its key while messages signed with the one before may still be on their way.
GENERATIONS_ACCEPTED = 2


@dataclass(frozen=True)
class Stores:
    """The store dimension, as the checks need it: position in `ids` is the store's number."""

    ids: pa.Array
    zone_numbers: npt.NDArray[np.int32]
    zones: list[str]
    generations: npt.NDArray[np.int32]

    @classmethod
    def from_table(cls, table: pa.Table) -> "Stores":
        """From columns store_id, time_zone, key_generation."""
        encoded = table["time_zone"].combine_chunks().dictionary_encode()
        return cls(
            ids=table["store_id"].combine_chunks(),
            zone_numbers=encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32),
            zones=encoded.dictionary.to_pylist(),
            generations=table["key_generation"].to_numpy().astype(np.int32),
        )


def header_values(headers: pa.ListArray, name: str) -> pa.BinaryArray:
    """One value per message: the last header of that name, null where there is none."""
    entries = headers.flatten()
    owners = pc.list_parent_indices(headers).to_numpy()
    named = np.flatnonzero(pc.equal(entries.field("key"), name).to_numpy(zero_copy_only=False))
    position = np.full(len(headers), -1, dtype=np.int64)
    position[owners[named]] = named
    return entries.field("value").take(pa.array(position, mask=position < 0))


def key_generations(headers: pa.ListArray) -> npt.NDArray[np.int32]:
    """The generation each message says its key has; 0 where it says none that could be."""
    values = header_values(headers, events.KEY_GENERATION).dictionary_encode()
    known = [_generation(value) for value in values.dictionary.to_pylist()]
    indices = values.indices.fill_null(len(known)).to_numpy()
    generations: npt.NDArray[np.int32] = np.array([*known, 0], dtype=np.int32)[indices]
    return generations


def _generation(value: bytes) -> int:
    return int(value) if value.isdigit() and len(value) <= 6 else 0


def check_sender(
    verdicts: Verdicts,
    rows: pa.Table,
    messages: pa.Table,
    stores: Stores,
    *,
    signatures: Signatures,
    partitions: int,
    generations: int = GENERATIONS_ACCEPTED,
) -> None:
    """Key, store, signature, partition. `messages` has key, value, partition, key_generation and signature.
    `generations` of a store's key are accepted, the newest and those before it.
    """
    store_ids = rows["store_id"].combine_chunks()
    keys = messages["key"].combine_chunks()
    verdicts.refuse_where(
        ~_true(pc.equal(keys, store_ids.cast(pa.binary()))),
        reasons.KEY_MISMATCH,
        lambda row: f"the key is {_shown(keys[row])}, the payload says store {store_ids[row]}",
    )
    numbers = pc.index_in(store_ids, value_set=stores.ids).fill_null(-1).to_numpy()
    verdicts.refuse_where(numbers < 0, reasons.UNKNOWN_STORE, lambda row: f"no store {store_ids[row]} in dim_stores")

    given, said = messages["signature"].combine_chunks(), messages["key_generation"].to_numpy()
    verdicts.refuse_where(~_true(given.is_valid()), reasons.MISSING_SIGNATURE, lambda _: "no header `signature`")
    newest = stores.generations[numbers] if len(stores.generations) else np.zeros(len(numbers), np.int32)
    stale = (said > newest) | (said <= newest - generations) | (said < 1)
    verdicts.refuse_where(
        stale,
        reasons.BAD_SIGNATURE,
        lambda row: f"key generation {said[row]}; store {store_ids[row]} is at {newest[row]}",
    )
    open_rows = verdicts.accepted()
    expected = signatures.sign_all(
        store_ids.take(open_rows).to_pylist(), said[open_rows].tolist(), messages["value"].take(open_rows).to_pylist()
    )
    forged = np.zeros(len(rows), dtype=np.bool_)
    forged[open_rows] = ~_true(pc.equal(pa.array(expected, pa.binary()), given.take(open_rows)))
    verdicts.refuse_where(forged, reasons.BAD_SIGNATURE, lambda row: f"not signed by store {store_ids[row]}")

    encoded = keys.dictionary_encode()
    placed = np.array(
        [partitioning.partition_for(key, partitions) for key in encoded.dictionary.to_pylist()] + [-1], dtype=np.int32
    )[encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()]
    actual = messages["partition"].to_numpy()
    verdicts.refuse_where(
        placed != actual,
        reasons.WRONG_PARTITION,
        lambda row: f"in partition {actual[row]}; the key {_shown(keys[row])} belongs to {placed[row]}",
    )


def check_times(verdicts: Verdicts, rows: pa.Table, stores: Stores, batch_time: pa.TimestampScalar) -> None:
    """No event from the future, and a business date that the store's own calendar allows."""
    times = rows["event_time"].combine_chunks()
    dates = rows["business_date"].combine_chunks()
    latest = pc.add(batch_time, pa.scalar(FUTURE_LIMIT_SECONDS * 1_000_000, pa.duration("us")))
    verdicts.refuse_where(
        _true(pc.greater(times, latest)),
        reasons.FUTURE_EVENT_TIME,
        lambda row: f"event_time {times[row]} is over two hours ahead of {batch_time}",
    )
    numbers = pc.index_in(rows["store_id"].combine_chunks(), value_set=stores.ids).fill_null(-1).to_numpy()
    zones = np.where(numbers < 0, -1, stores.zone_numbers[numbers] if len(stores.zones) else -1)
    local = np.zeros(len(rows), dtype=np.int64)
    for number in np.unique(zones[zones >= 0]).tolist():
        here = np.flatnonzero(zones == number)
        zoned = times.take(here).cast(pa.timestamp("us", tz=stores.zones[number]))
        local[here] = _days(pc.local_timestamp(zoned).cast(pa.date32(), safe=False))
    off = np.abs(_days(dates) - local) > BUSINESS_DATE_LIMIT_DAYS
    verdicts.refuse_where(
        off & (zones >= 0),
        reasons.WRONG_BUSINESS_DATE,
        lambda row: f"business_date {dates[row]} at event_time {times[row]} in {stores.zones[zones[row]]}",
    )


def _days(dates: pa.Array) -> npt.NDArray[np.int64]:
    days: npt.NDArray[np.int64] = dates.cast(pa.int32()).fill_null(0).to_numpy().astype(np.int64)
    return days


def _true(condition: pa.BooleanArray | pa.ChunkedArray) -> Mask:
    mask: Mask = pc.fill_null(condition, fill_value=False).to_numpy(zero_copy_only=False)
    return mask


def _shown(key: pa.BinaryScalar) -> str:
    return key.as_py().decode("utf-8", "backslashreplace") if key.is_valid else "missing"
