"""Puts every message of a task in exactly one place: the tables, the duplicates or the quarantine."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts import events, reasons
from contracts.decoding import Decoder
from contracts.verdicts import Positions, Verdicts
from jobs.ingest.checks import (
    GENERATIONS_ACCEPTED,
    Stores,
    check_sender,
    check_times,
    header_values,
    key_generations,
)
from jobs.ingest.kept import Kept, Suspect
from jobs.ingest.signatures import Signatures
from lake.sequences import MAX_AHEAD, Bounds, SeqState, register_keys

FindKept = Callable[[Iterable[Suspect], int], Mapping[str, Kept]]


@dataclass(frozen=True)
class Rows:
    """Decoded messages and the messages they come from (without payload and headers), row by row."""

    decoded: pa.Table
    messages: pa.Table

    def __len__(self) -> int:
        return len(self.messages)

    def take(self, positions: Positions) -> "Rows":
        return Rows(self.decoded.take(positions), self.messages.take(positions))


@dataclass(frozen=True)
class Sorted:
    """accepted: by date and hour, then offset. refused: whole messages, with reasons and details row by row.
    seen: what the accepted ones add to the sequence state.
    """

    accepted: Rows
    duplicates: Rows
    refused: pa.Table
    reasons: list[str]
    details: list[str]
    seen: Mapping[str, Bounds]


@dataclass(frozen=True)
class Examined:
    """Messages with what their headers say of the sender, what is wrong with each, and the rows of the fine ones."""

    messages: pa.Table
    decoded: pa.Table
    verdicts: Verdicts


class Sorter:
    """The checks of one feed, in their order: the payload, who sent it, when, and whether it came before.

    `generations` of a store's key are accepted: the stream takes the newest two, a replay all of them, as what it reads
    was accepted when it was new. A seq more than `max_ahead` beyond its register's highest one is refused.
    """

    def __init__(
        self,
        decoder: Decoder,
        signatures: Signatures,
        find_kept: FindKept,
        *,
        generations: int = GENERATIONS_ACCEPTED,
        max_ahead: int = MAX_AHEAD,
    ) -> None:
        self._decoder = decoder
        self._signatures = signatures
        self._find_kept = find_kept
        self._generations = generations
        self._max_ahead = max_ahead

    def sort_out(self, chunks: Iterable[pa.Table], stores: Stores, state: SeqState, partitions: int) -> Sorted:
        """`chunks` hold one range of one partition in the order of offsets, with the columns of `source.messages`."""
        messages, decoded, verdicts = [], [], Verdicts(0)
        for chunk in chunks:
            examined = self.examine(chunk, stores, partitions)
            messages.append(examined.messages)
            decoded.append(examined.decoded)
            verdicts.extend(examined.verdicts)
        return self._sift(pa.concat_tables(messages), pa.concat_tables(decoded), verdicts, state)

    def examine(self, chunk: pa.Table, stores: Stores, partitions: int) -> Examined:
        """Each message by itself: all checks but whether it came before."""
        examined = messages = _with_sender(chunk)
        result = self._decoder.decode(messages["value"].combine_chunks())
        verdicts = result.verdicts
        fine = verdicts.accepted()
        rows = result.rows
        if len(fine) < len(messages):
            rows, messages = rows.take(fine), messages.take(fine)
        found = Verdicts(len(fine))
        if len(fine):
            check_sender(
                found,
                rows,
                messages,
                stores,
                signatures=self._signatures,
                partitions=partitions,
                generations=self._generations,
            )
            check_times(found, rows, stores, messages["batch_time"][0])
        good = found.accepted()
        verdicts.adopt(found, fine)
        return Examined(examined, rows if len(good) == len(rows) else rows.take(good), verdicts)

    def _sift(self, messages: pa.Table, decoded: pa.Table, verdicts: Verdicts, state: SeqState) -> Sorted:
        decoded = decoded.combine_chunks()
        fine = verdicts.accepted()
        registers = register_keys(*(decoded[name].combine_chunks() for name in ("store_id", "register_id", "epoch")))
        seqs = decoded["seq"].to_numpy().astype(np.int64)
        claim = state.claim(registers, seqs, self._max_ahead)
        found = Verdicts(len(fine))
        found.refuse_where(
            claim.too_far,
            reasons.SEQ_FAR_AHEAD,
            lambda row: f"seq {seqs[row]} of {registers[row]} is far ahead of all seen",
        )
        seen = np.flatnonzero(claim.seen)
        duplicates = seen
        if len(seen):
            same = self._is_same(seen, claim.first[seen], fine, messages, decoded)
            duplicates = seen[same]
            conflicting = np.zeros(len(fine), np.bool_)
            conflicting[seen[~same]] = True
            found.refuse_where(
                conflicting,
                reasons.CONFLICT,
                lambda row: f"event {decoded['event_id'][row]} is in the table with another content",
            )
        verdicts.adopt(found, fine)

        accepted = _by_hour(decoded, np.flatnonzero(claim.accepted))
        small = messages.drop_columns(["value", "headers"]).combine_chunks()
        refused = sorted(verdicts.refused)
        rows = Rows(decoded, small if len(fine) == len(small) else small.take(fine))
        return Sorted(
            accepted=rows if _is_all(accepted, len(rows)) else rows.take(accepted),
            duplicates=rows.take(duplicates),
            refused=messages.take(np.array(refused, np.int64)),
            reasons=[verdicts.refused[row].reason for row in refused],
            details=[verdicts.refused[row].detail for row in refused],
            seen=claim.delta,
        )

    def _is_same(
        self, seen: Positions, first: Positions, fine: Positions, messages: pa.Table, decoded: pa.Table
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each message seen before is the one that was accepted then."""
        payloads = messages["value"].take(fine[seen]).to_pylist()
        ids = decoded["event_id"].take(seen).to_pylist()
        earlier = np.flatnonzero(first < 0)
        suspects = decoded.select(["business_date", "event_time", "store_id"]).take(seen)
        hours = pc.hour(suspects["event_time"]).to_pylist()
        dates, stores = suspects["business_date"].to_pylist(), suspects["store_id"].to_pylist()
        partition = messages["partition"][0].as_py()
        kept = self._find_kept([Suspect(ids[i], dates[i], hours[i]) for i in earlier.tolist()], partition)
        same = np.zeros(len(seen), np.bool_)
        for i, original in enumerate(first.tolist()):
            if original >= 0:
                same[i] = payloads[i] == messages["value"][int(fine[original])].as_py()
            elif found := kept.get(ids[i]):
                # Under the key of then: the store's key may have changed between the two.
                same[i] = found.signature == self._signatures.sign(stores[i], found.key_generation, payloads[i])
        return same


def _with_sender(chunk: pa.Table) -> pa.Table:
    headers = chunk["headers"].combine_chunks()
    return chunk.append_column("signature", header_values(headers, events.SIGNATURE)).append_column(
        "key_generation", pa.array(key_generations(headers))
    )


def _by_hour(decoded: pa.Table, rows: Positions) -> Positions:
    """The rows in the order of the tables' partitions, so that their children are in that order, too."""
    days = decoded["business_date"].combine_chunks().cast(pa.int32()).to_numpy()[rows].astype(np.int64)
    hours = pc.hour(decoded["event_time"]).to_numpy()[rows]
    key = days * 24 + hours
    return rows if np.all(key[1:] >= key[:-1]) else rows[np.argsort(key, kind="stable")]


def _is_all(positions: Positions, count: int) -> bool:
    return len(positions) == count and bool(np.all(positions == np.arange(count)))
