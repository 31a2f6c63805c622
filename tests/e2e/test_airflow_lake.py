"""Validation, upkeep and repair under the real Airflow, beside the real stream, on the emulated AWS with its roles.

Each DAG is run where there is something for it to do, and is judged by what the lake holds afterwards.
"""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
from confluent_kafka import Producer

from lake import names
from lake.objects import ObjectStore
from lake.tables import DeltaTables
from local.airflow.client import AirflowClient
from local.progress import Steps
from local.stack import Stack
from quality.validation import ledger
from quality.validation.metrics import exposition
from tests.support.messages import RECEIPTS, Till
from tests.support.waiting import wait_for

# As in test_airflow.py.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(6 * 3600)]

STORES = ("330", "367", "406")
# No other test's: event ids must not meet.
REGISTER = "7"
TOPIC = "pos.receipts.v1"
TABLES = ("receipt_lines", "receipt_tenders", "receipts")
CURATED = "sales_per_minute"
CHECKPOINTS = names.checkpoints_prefix(RECEIPTS)
BEFORE = datetime.now(UTC) - timedelta(days=1)
NOW = BEFORE + timedelta(days=1)
WAVES, PER_WAVE = 4, 5
RUN_SECONDS = 1200
# What writes to the lake by the clock, or because of a commit.
WRITERS = ("compact_lake", "export", "validate_lake")

Rows = dict[str, list[str]]


@dataclass
class Watch:
    """What a reader saw of the tables while something was done to them."""

    reads: int = 0
    findings: list[str] = field(default_factory=list)


@dataclass
class Story:
    """The lake, what was done to it, and what was to be seen before and after."""

    stack: Stack
    steps: Steps
    client: AirflowClient
    lake: ObjectStore
    checkpoints: ObjectStore
    artifacts: ObjectStore
    tills: Mapping[str, Till] = field(
        default_factory=lambda: {store: Till(store, register_id=REGISTER) for store in STORES}
    )
    states: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    rows: dict[str, Rows] = field(default_factory=dict)
    keys: dict[str, set[str]] = field(default_factory=dict)
    versions: dict[str, dict[str, int]] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    failing: dict[str, set[str]] = field(default_factory=dict)
    under_load: Watch = field(default_factory=Watch)
    spoilt: int = 0
    sent: int = 0

    @property
    def tables(self) -> DeltaTables:
        return DeltaTables(self.lake)

    def send(self, count: int, at: datetime) -> None:
        """`count` receipts of every store, rung up at this moment; returns when the broker has them."""
        said = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for store, till in self.tills.items():
            producer = Producer(
                {
                    **self.stack.store_settings(store).librdkafka(),
                    "enable.idempotence": True,
                    "partitioner": "murmur2_random",
                }
            )
            for _ in range(count):
                till.message(event_time=said, business_date=at.date().isoformat()).send(producer, TOPIC)
            assert producer.flush(60) == 0
            self.sent += count

    def await_in_lake(self) -> None:
        wait_for(lambda: self.arrived() == self.sent, RUN_SECONDS, f"{self.sent} receipts in the lake")

    def arrived(self) -> int:
        tables = self.tables
        if not tables.exists("receipts"):
            return 0
        condition = f"register_id = '{REGISTER}'"
        return sum(len(pa.record_batch(each)) for each in tables.table("receipts").scan(["event_id"], condition))

    def content(self, *names: str, at: datetime) -> Rows:
        """Every row of a business date, as text and in an order."""
        condition = f"dt = '{at.date()}'"
        return {
            name: sorted(
                str(row)
                for batch in self.tables.table(name).scan(None, condition)
                for row in pa.record_batch(batch).to_pylist()
            )
            for name in names
        }

    def keep(self, what: str) -> None:
        """Remember the rows of both dates, and the versions of their tables."""
        for name, at in (("before", BEFORE), ("now", NOW)):
            self.rows[f"{what}: {name}"] = self.content(*TABLES, at=at)
        self.versions[what] = {name: self.tables.table(name).version() for name in TABLES}

    def objects_of(self, at: datetime) -> int:
        filters = [("dt", "=", str(at.date()))]
        return sum(len(self.tables.table(name).file_uris(file_pruning_predicate=filters)) for name in TABLES)

    def all_keys(self) -> set[str]:
        """Every object that the clean-up could remove."""
        return {f"{store.bucket}/{info.key}" for store in (self.lake, self.checkpoints) for info in store.list("")}

    def spoil(self, name: str, column: str, at: datetime) -> int:
        """What a writer with a fault might have left; returns how many rows."""
        done = self.tables.table(name).update(updates={column: f"{column} * 10"}, predicate=f"dt = '{at.date()}'")
        return int(done["num_updated_rows"])

    def run(self, what: str, dag: str, task: str, **conf: object) -> None:
        """Run a DAG to its end; keep its state and the log of a task."""
        began = time.monotonic()
        run = self.client.trigger(dag, **conf)
        self.states[what] = self.client.wait_for_run(dag, run, RUN_SECONDS)
        self.logs[what] = self.client.log(dag, run, task)
        self.steps.say(f"{time.monotonic() - began:6.1f} s  {what}: {self.states[what]}")

    def judge(self, what: str) -> None:
        """`validate_lake` on the receipts; keep what the ledger says then."""
        self.run(what, "validate_lake", RECEIPTS, feeds=[RECEIPTS])
        self.metrics[what] = exposition(ledger.latest_results(self.tables))
        self.failing[what] = {
            each.table
            for each in ledger.marks(self.tables)
            if each.verdict == ledger.FAIL and each.part.dt == BEFORE.date()
        }


@pytest.fixture(scope="module")
def story(stack: Stack, steps: Steps) -> Iterator[Story]:
    assert stack.airflow is not None
    with pytest.MonkeyPatch.context() as patch, stack.airflow.client() as client:
        for name, value in stack.account.administrator_environment().items():
            patch.setenv(name, value)
        administrator = boto3.session.Session()
        places = stack.workloads["quality"]
        stores = [
            ObjectStore(places[f"TILLSTREAM_{bucket}_URI"], aws=administrator)
            for bucket in ("LAKE", "CHECKPOINTS", "ARTIFACTS")
        ]
        story = Story(stack, steps, client, *stores)
        _fill(story)
        _judge_what_is_sound(story)
        _compact_under_load(story)
        _compute_anew(story)
        _spoil_and_mend(story)
        _clean(story)
        yield story


def _fill(story: Story) -> None:
    """A business date that is over, in several batches, and some of the next one; and the rollup of both."""
    story.stack.run_streams("ingest", "rollup")
    for _ in range(WAVES):
        story.send(PER_WAVE, BEFORE)
        story.await_in_lake()
    story.send(PER_WAVE, NOW)
    story.await_in_lake()
    story.keep("filled")

    def rolled_up() -> bool:
        tables = story.tables
        if not tables.exists(CURATED):
            return False
        condition = f"dt = '{BEFORE.date()}'"
        found = [pa.record_batch(each) for each in tables.table(CURATED).scan(["receipts"], condition)]
        return sum(sum(each["receipts"].to_pylist()) for each in found) == WAVES * PER_WAVE * len(STORES)

    wait_for(rolled_up, RUN_SECONDS, "the rollup of what was sent")


def _judge_what_is_sound(story: Story) -> None:
    story.judge("validate: sound")
    # By its date, too: what a run by the clock had judged a moment before was not judged again.
    dates = [str(BEFORE.date())]
    story.run("validate: a date", "validate_lake", RECEIPTS, feeds=[RECEIPTS], business_dates=dates)


def _compact_under_load(story: Story) -> None:
    story.objects["filled"] = story.objects_of(BEFORE)
    with _load(story):
        story.run("compact", "compact_lake", "compact", quiet_minutes=0)
    story.await_in_lake()
    story.objects["compacted"] = story.objects_of(BEFORE)
    story.keep("compacted")


@contextmanager
def _load(story: Story) -> Iterator[None]:
    """Receipts go on coming in, and somebody reads every table again and again."""
    ended = threading.Event()

    def send() -> None:
        while not ended.wait(1):
            story.send(1, NOW)

    def read() -> None:
        seen: dict[str, set[tuple[int, ...]]] = {name: set() for name in TABLES}
        over = False
        while not over:
            # A last look comes after the end: it sees what was done last.
            over = ended.is_set()
            tables = story.tables
            for name, known in seen.items():
                places = _places(tables, name)
                if len(set(places)) < len(places):
                    story.under_load.findings.append(f"{name}: rows twice")
                if known - set(places):
                    story.under_load.findings.append(f"{name}: rows gone")
                known.update(places)
            story.under_load.reads += 1

    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(each) for each in (send, read)]
        try:
            wait_for(lambda: story.under_load.reads or working[1].done(), RUN_SECONDS, "a first look at every table")
            yield
        finally:
            ended.set()
        for each in working:
            each.result()


def _places(tables: DeltaTables, name: str) -> list[tuple[int, ...]]:
    columns = ["kafka_partition", "kafka_offset", "ordinal"]
    batches = [pa.record_batch(each) for each in tables.table(name).scan(columns)]
    return [tuple(row[column] for column in columns) for batch in batches for row in batch.to_pylist()]


def _compute_anew(story: Story) -> None:
    """The curated table of a date is wrong, and is computed anew."""
    story.run("rollup: stop", "stream_rollup", "stop", action="stop")
    story.rows["curated: right"] = story.content(CURATED, at=BEFORE)
    story.spoil(CURATED, "amount", BEFORE)
    story.rows["curated: wrong"] = story.content(CURATED, at=BEFORE)
    story.run("backfill", "backfill_rollup", "backfill", business_dates=[str(BEFORE.date())])
    story.rows["curated: anew"] = story.content(CURATED, at=BEFORE)


def _spoil_and_mend(story: Story) -> None:
    """Amounts of a date are wrong, are found so, and are made anew from Kafka."""
    conf: dict[str, Any] = {"feed": RECEIPTS, "business_dates": [str(BEFORE.date())]}
    story.spoilt = story.spoil("receipt_lines", "amount", BEFORE)
    story.judge("validate: spoilt")
    story.keep("spoilt")
    story.run("replay: dry", "replay", "replay", **conf)
    story.keep("replayed dry")
    story.run("replay", "replay", "replay", **conf, dry_run=False)
    story.keep("replayed")
    story.judge("validate: mended")


def _clean(story: Story) -> None:
    """A checkpoint that no driver can use any more is named, and then removed, while nobody else writes."""
    for dag in WRITERS:
        wait_for(lambda dag=dag: _rests(story, dag), RUN_SECONDS, f"{dag} at rest", 1.0)  # type: ignore[misc]
    story.run("ingest: stop", "stream_ingest", "stop", action="stop")
    story.stack.run_as("spark-ingest", "-m", "tillstream.cli", "streams", "rebuild", RECEIPTS, "--json")
    for what, conf in (("clean: dry", {}), ("clean", {"remove": True})):
        story.keys[f"before {what}"] = story.all_keys()
        story.run(what, "clean_lake", "clean", **conf)
        story.keys[f"after {what}"] = story.all_keys()
    story.keep("cleaned")


def _rests(story: Story, dag: str) -> bool:
    """Whether nothing of a DAG runs, or will begin by itself from now on. What runs may go on to its end."""
    story.client.pause(dag, paused=True)
    if story.client.active_runs(dag):
        story.client.pause(dag, paused=False)
        return False
    return True


def test_a_sound_lake_is_found_sound(story: Story) -> None:
    """`validate_lake` succeeds, has judged every row, and marks no part as one to pass over."""
    for what in ("validate: sound", "validate: a date"):
        assert story.states[what] == "success", story.logs[what]
    judged = _printed(story.logs["validate: a date"])["feeds"][0]["tables"]
    rows = {each["table"]: each["rows"] for each in judged}
    assert all(rows[name] >= len(story.rows["filled: before"][name]) > 0 for name in TABLES), rows
    assert story.failing["validate: sound"] == set()


def test_a_broken_part_fails_the_run_and_is_told(story: Story) -> None:
    """`validate_lake` fails; its log names the expectation, how many rows break it, one of them and the Data Docs."""
    assert story.states["validate: spoilt"] == "failed"
    told = _printed(story.logs["validate: spoilt"])["feeds"][0]
    failed = {each["expectation"]: each for table in told["tables"] for each in table["failed"]}
    broken = failed["rule.lines_sum_to_total"]
    assert broken["violations"] == WAVES * PER_WAVE * len(STORES)
    assert any(str(row).count(f":{REGISTER}:") for row in broken["sample"]), broken
    assert story.failing["validate: spoilt"] == {"receipts"}


def test_a_broken_part_is_measured_until_it_is_mended(story: Story) -> None:
    """What Prometheus reads says 1, then 0, then 1 again."""
    assert [_success(story, what) for what in ("sound", "spoilt", "mended")] == [1, 0, 1]
    assert story.states["validate: mended"] == "success", story.logs["validate: mended"]
    assert story.failing["validate: mended"] == set()


def test_the_data_docs_of_a_failed_run_can_be_read(story: Story, tmp_path: Path) -> None:
    """They are where the log says, and name what failed, where and for example in which receipt."""
    link = _printed(story.logs["validate: spoilt"])["feeds"][0]["data_docs"]
    prefix = link.removeprefix(f"{story.artifacts.uri}/").removesuffix("index.html")
    assert prefix.startswith("data-docs/")
    files = {info.key.removeprefix(prefix): tmp_path / info.key for info in story.artifacts.list(prefix)}
    for name, file in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(story.artifacts.get(prefix + name))
    assert "rule.lines_sum_to_total (60)" in files["index.html"].read_text()
    pages = [unescape(file.read_text()) for name, file in files.items() if name.endswith("pos.receipts.receipts.html")]
    assert any("lines_sum_to_total" in page and re.search(r"330:7:\w+:\d+", page) for page in pages), sorted(files)


def test_compaction_under_load_is_seen_by_no_reader(story: Story) -> None:
    """`compact_lake` joins objects while the stream commits; no reader misses a row or has one twice."""
    assert story.states["compact"] == "success", story.logs["compact"]
    assert story.objects["compacted"] < story.objects["filled"]
    assert story.rows["compacted: before"] == story.rows["filled: before"]
    assert story.under_load.findings == []
    assert story.under_load.reads > 1


def test_a_replay_that_is_dry_changes_nothing(story: Story) -> None:
    """By default `replay` says how many rows differ, and every table stays at its version."""
    assert story.states["replay: dry"] == "success", story.logs["replay: dry"]
    differing = {each["table"]: each["differing"] for each in _printed(story.logs["replay: dry"])["tables"]}
    assert differing["receipt_lines"] == story.spoilt > 0
    assert story.versions["replayed dry"] == story.versions["spoilt"]


def test_a_replay_mends_its_date_and_no_other(story: Story) -> None:
    """Every row of the date is what the tills said again, and every row of the other one is what it was."""
    assert story.states["replay"] == "success", story.logs["replay"]
    assert story.rows["spoilt: before"] != story.rows["filled: before"]
    assert story.rows["replayed: before"] == story.rows["filled: before"]
    assert story.rows["replayed: now"] == story.rows["spoilt: now"] == story.rows["compacted: now"]


def test_a_backfill_computes_a_date_anew(story: Story) -> None:
    """`backfill_rollup` puts right what was wrong in the curated table."""
    assert story.states["backfill"] == "success", story.logs["backfill"]
    assert story.rows["curated: wrong"] != story.rows["curated: right"]
    assert story.rows["curated: anew"] == story.rows["curated: right"]


def test_a_clean_up_only_says_what_it_would_remove(story: Story) -> None:
    """By default `clean_lake` names the old checkpoint, and every object stays."""
    assert story.states["clean: dry"] == "success", story.logs["clean: dry"]
    said = _printed(story.logs["clean: dry"])
    assert said["removed"] is False
    assert ("old_checkpoints", CHECKPOINTS) in {(each["kind"], each["where"]) for each in said["items"]}
    assert story.keys["before clean: dry"] == story.keys["after clean: dry"]


def test_a_clean_up_removes_what_it_said(story: Story) -> None:
    """With `remove` just what was named is gone, and every row stays."""
    assert story.states["clean"] == "success", story.logs["clean"]
    said = _printed(story.logs["clean: dry"])["items"]
    gone = story.keys["before clean"] - story.keys["after clean"]
    assert len(gone) == sum(each["count"] for each in said) > 0
    assert not [key for key in story.keys["after clean"] if f"/{CHECKPOINTS}1/" in key]
    assert story.rows["cleaned: before"] == story.rows["replayed: before"]


def test_the_lake_is_sound_after_all_of_it(story: Story) -> None:
    """Every offset is in the lake once, and all of its money."""
    found = json.loads(story.stack.run_as("quality", "-m", "tillstream.cli", "verify", "--json", accept=(0, 1)))
    assert found["sound"], found


def _printed(log: str) -> Any:
    """What a verb printed: the line of the log that is JSON."""
    [line] = [each for each in log.splitlines() if each.startswith("{")][:1]
    return json.loads(line)


def _success(story: Story, what: str) -> int:
    name = "tillstream_quality_expectation_success"
    [value] = re.findall(
        rf'^{name}{{.*expectation="rule.lines_sum_to_total".*}} (\d)$', story.metrics[f"validate: {what}"], re.MULTILINE
    )
    return int(value)
