"""What validation found: the newest result of every expectation, from the quality ledger in the lake."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from prometheus_client import Metric

from lake.exporter.families import Family
from lake.tables import DeltaTables, scan

TABLE = "quality_results"
_LABELS = ("feed", "suite", "table", "expectation", "severity")
SUCCESS = Family(
    "tillstream_quality_expectation_success", "1 while the expectation holds, 0 while it does not.", _LABELS
)
VIOLATIONS = Family(
    "tillstream_quality_expectation_violations",
    "Violations in the parts in which the expectation does not hold.",
    _LABELS,
)
JUDGED = Family(
    "tillstream_quality_expectation_judged_timestamp_seconds",
    "When the expectation was found so, in seconds since 1970.",
    _LABELS,
)
_COLUMNS = ("feed", "suite", "table_name", "expectation", "severity", "success", "violations", "judged_at", "judgement")
# A result that is older says only that nobody validates.
_LOOK_BACK = timedelta(days=14)


class Quality:
    """Before the first validation there is no ledger, and nothing is told."""

    name: ClassVar[str] = "quality"
    every_seconds: ClassVar[float] = 60
    families: ClassVar[tuple[Family, ...]] = (SUCCESS, VIOLATIONS, JUDGED)

    def __init__(self, tables: DeltaTables, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._tables = tables
        self._now = now
        self._version = -1
        self._newest: dict[tuple[str, ...], dict[str, Any]] = {}

    def look(self) -> None:
        if self._version < 0 and not self._tables.exists(TABLE):
            return
        table = self._tables.table(TABLE)
        since = (self._now() - _LOOK_BACK).date()
        if table.version() == self._version:
            self._newest = {key: row for key, row in self._newest.items() if row["judged_at"].date() >= since}
            return
        newest: dict[tuple[str, ...], dict[str, Any]] = {}
        for batch in scan(table, _COLUMNS, f"judged_on >= '{since}'"):
            for row in batch.to_pylist():
                key = (row["feed"], row["suite"], row["table_name"], row["expectation"], row["severity"])
                if key not in newest or newest[key]["judgement"] < row["judgement"]:
                    newest[key] = row
        self._version, self._newest = table.version(), newest

    def metrics(self) -> Iterator[Metric]:
        yield SUCCESS.of((key, int(row["success"])) for key, row in self._newest.items())
        yield VIOLATIONS.of((key, row["violations"]) for key, row in self._newest.items())
        yield JUDGED.of((key, row["judged_at"].timestamp()) for key, row in self._newest.items())
