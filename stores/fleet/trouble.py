"""What goes wrong in the real world: chosen by a seed, switched on by name, and written down.

- offline: a store has no network for a while; its outbox fills and empties later.
- restart: a sender dies after Kafka acknowledged and before it could mark; it sends again.
- replaced: a till is replaced in the middle of its work; the new one has a new outbox, and counts from 1.
- skew: a till's clock runs ahead, a little (accepted) or by hours (quarantined).
- late: everything of a till reaches the outbox after all others; its days are closed twice.
- corrupted: receipts that are damaged between the outbox and the broker.
- malformed, broken, forged, misdirected, conflict: messages that no till rang up; see `injections`.
"""

import random
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import duckdb

from contracts import reasons
from stores.errors import FleetError
from stores.fleet.workspace import epoch_ms


class Trouble(StrEnum):
    OFFLINE = "offline"
    RESTART = "restart"
    REPLACED = "replaced"
    SKEW = "skew"
    LATE = "late"
    CORRUPTED = "corrupted"
    MALFORMED = "malformed"
    BROKEN = "broken"
    FORGED = "forged"
    MISDIRECTED = "misdirected"
    CONFLICT = "conflict"


class Damage(StrEnum):
    """How a receipt is damaged on the way, by the reason it is then quarantined for."""

    TRUNCATED = reasons.NOT_JSON
    GARBLED = reasons.NOT_UTF8
    ALTERED = reasons.BAD_SIGNATURE


OFFLINE_STORES = 3
RESTARTED_STORES = 3
REPLACED_TILLS = 2
LATE_TILLS = 2
DAMAGED_STORES = 5
SKEWED_RECEIPTS = 5
SKEW_WITHIN_MS = 45 * 60_000
SKEW_BEYOND_MS = 6 * 3_600_000
CANDIDATES = 40


@dataclass(frozen=True)
class Register:
    store_id: str
    register_id: str
    sold_ms: tuple[int, ...]
    """When each of its receipts was rung up, oldest first."""


@dataclass(frozen=True)
class Corruption:
    store_id: str
    register_id: str
    seq: int
    damage: Damage


@dataclass(frozen=True)
class Plan:
    """Who suffers what. `skewed`: by how many milliseconds the clock is ahead; `replaced`: when the new till came."""

    troubles: frozenset[Trouble]
    offline: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    replaced: tuple[tuple[Register, int], ...] = ()
    skewed: tuple[tuple[Register, int], ...] = ()
    late: tuple[Register, ...] = ()
    corrupted: tuple[Corruption, ...] = ()
    untroubled: tuple[str, ...] = ()
    """Busy stores that suffer nothing of the above."""


def parse(names: str) -> frozenset[Trouble]:
    """`all`, `none`, or names joined by commas. Raises FleetError for a name that is none."""
    if names in ("all", "none"):
        return frozenset(Trouble if names == "all" else ())
    try:
        return frozenset(Trouble(name.strip()) for name in names.split(","))
    except ValueError as error:
        raise FleetError(f"{error}. Nothing was replayed. Choose all, none, or of: {', '.join(Trouble)}") from error


def plan(database: duckdb.DuckDBPyConnection, troubles: frozenset[Trouble], seed: int, now: datetime) -> Plan:
    """Choose by the seed who among the busiest stores suffers what: no store two things. Reads `rung`.

    Raises FleetError where these have too few receipts for it.
    """
    rng = random.Random(f"{seed}:trouble")  # noqa: S311 - a simulation
    busiest = _busiest_registers(database)
    if troubles and len(busiest[-1].sold_ms) < SKEWED_RECEIPTS:
        raise FleetError(
            f"Too few receipts for trouble: it takes {CANDIDATES} stores with a register of {SKEWED_RECEIPTS} or more. "
            "Nothing was replayed. Ask for more receipts, or for no trouble."
        )
    rng.shuffle(busiest)

    def take(trouble: Trouble, count: int) -> tuple[Register, ...]:
        taken = tuple(busiest.pop() for _ in range(count))
        return taken if trouble in troubles else ()

    offline = take(Trouble.OFFLINE, OFFLINE_STORES)
    restarted = take(Trouble.RESTART, RESTARTED_STORES)
    replaced = take(Trouble.REPLACED, REPLACED_TILLS)
    skewed = take(Trouble.SKEW, 2)
    late = take(Trouble.LATE, LATE_TILLS)
    corrupted = take(Trouble.CORRUPTED, DAMAGED_STORES)
    return Plan(
        troubles=troubles,
        offline=tuple(each.store_id for each in offline),
        restarted=tuple(each.store_id for each in restarted),
        replaced=tuple((each, each.sold_ms[len(each.sold_ms) // 2]) for each in replaced),
        skewed=tuple(zip(skewed, _shifts(skewed, now), strict=True)),
        late=late,
        corrupted=tuple(
            Corruption(each.store_id, each.register_id, seq, damage)
            for each in corrupted
            for seq, damage in zip(rng.sample(range(1, len(each.sold_ms) + 1), len(Damage)), Damage, strict=True)
        ),
        untroubled=tuple(each.store_id for each in busiest),
    )


def make_tables(database: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Make the tables that `tills.book` reads: skewed, late, replaced, corrupted."""
    database.execute(_TABLES)
    rows: dict[str, list[tuple[object, ...]]] = {
        "skewed": [
            (*_key(each), SKEWED_RECEIPTS, shift, reasons.FUTURE_EVENT_TIME if shift > SKEW_WITHIN_MS else None)
            for each, shift in plan.skewed
        ],
        "late": [_key(each) for each in plan.late],
        "replaced": [(*_key(each), from_ms) for each, from_ms in plan.replaced],
        "corrupted": [(each.store_id, each.register_id, each.seq, str(each.damage)) for each in plan.corrupted],
    }
    for table, values in rows.items():
        for value in values:
            database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(value))})", value)  # noqa: S608 - own names


_TABLES = """
CREATE TABLE skewed (store_id VARCHAR, register_id VARCHAR, receipts BIGINT, shift_ms BIGINT, refused VARCHAR);
CREATE TABLE late (store_id VARCHAR, register_id VARCHAR);
CREATE TABLE replaced (store_id VARCHAR, register_id VARCHAR, from_ms BIGINT);
CREATE TABLE corrupted (store_id VARCHAR, register_id VARCHAR, seq BIGINT, refused VARCHAR);
"""

# One register of each of the busiest stores: the one with most receipts.
_BUSIEST = f"""
WITH registers AS (
    SELECT store_id, register_id, list(sold_ms ORDER BY sold_ms) AS sold_ms FROM rung GROUP BY ALL
)
SELECT store_id, register_id, sold_ms FROM registers
QUALIFY row_number() OVER (PARTITION BY store_id ORDER BY len(sold_ms) DESC, register_id) = 1
ORDER BY len(sold_ms) DESC, store_id LIMIT {CANDIDATES}
"""  # noqa: S608 - own constants only


def _busiest_registers(database: duckdb.DuckDBPyConnection) -> list[Register]:
    return [Register(store, register, tuple(sold)) for store, register, sold in database.execute(_BUSIEST).fetchall()]


def _shifts(skewed: tuple[Register, ...], now: datetime) -> list[int]:
    """A clock that is a little ahead; and one so far ahead that its last receipts lie in the future."""
    if not skewed:
        return []
    _, beyond = skewed
    return [SKEW_WITHIN_MS, SKEW_BEYOND_MS + epoch_ms(now) - beyond.sold_ms[-SKEWED_RECEIPTS]]


def _key(register: Register) -> tuple[str, str]:
    return register.store_id, register.register_id
