"""`tillstream topics` against a real broker: what it makes, what it repeats, what it refuses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import KafkaError
from confluent_kafka.admin import NewPartitions

import contracts
from stores.files import write_private
from tests.support.broker import TOPICS, Kafka, start_broker
from tests.support.clients import deliver
from tests.support.waiting import wait_for
from topics.apply import apply_plan, read_state
from topics.cli import topics
from topics.connection import connect
from topics.desired import administrator_acls
from topics.errors import TopicsError
from topics.model import Acl, Topic
from topics.plan import Plan
from topics.settings import KafkaSettings
from topics.users import users_of

pytestmark = pytest.mark.integration

FLEET = 457


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    running = start_broker(tmp_path_factory.mktemp("topics"))
    yield running
    running.broker.stop()


@pytest.fixture
def kafka(own_broker: Kafka) -> Kafka:
    """A broker without topics, whose only ACLs are those of the user `topics`."""
    admin = own_broker.admin()
    state = read_state(admin)
    for deleted in admin.delete_topics(list(state.topics)).values() if state.topics else ():
        deleted.result(60)
    # Answered before it is so: who then asks for the settings of all topics asks for one that is not there.
    wait_for(lambda: state.topics.keys().isdisjoint(admin.list_topics(timeout=60).topics), 60, "no topics")
    apply_plan(admin, Plan(remove_acls=tuple(state.acls - administrator_acls())))
    return own_broker


def stores_file(tmp_path: Path, generations: dict[str, int]) -> Path:
    rows = [{"store_id": store, "key_generation": generation} for store, generation in generations.items()]
    path = tmp_path / "stores.json"
    path.write_text(json.dumps(rows))
    return path


def run(kafka: Kafka, *arguments: str, **variables: str) -> Result:
    environment = {**kafka.broker.workload_environment("topics"), **variables}
    return CliRunner().invoke(topics, arguments, env=environment)


def planned(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_apply_makes_everything_once(kafka: Kafka, tmp_path: Path):
    """Apply makes the contracts' topics and the ACLs of 457 stores; the next plan is empty, the next apply idle."""
    stores = stores_file(tmp_path, {str(number): 1 for number in range(FLEET)})

    before = run(kafka, "plan", "--stores", str(stores), "--json")
    assert before.exit_code == 1
    assert [topic["name"] for topic in planned(before)["create_topics"]] == sorted(TOPICS)
    assert sum(acl["operation"] == "write" for acl in planned(before)["add_acls"]) == FLEET * len(TOPICS)
    assert not read_state(kafka.admin()).topics

    assert run(kafka, "apply", "--stores", str(stores)).exit_code == 0
    state = read_state(kafka.admin())
    assert state.topics["pos.receipts.v1"].partitions == 6
    assert state.topics["pos.receipts.v1"].config["min.insync.replicas"] == "1"
    assert Acl("User:CN=store-456.g1,OU=stores,O=Tillstream", "write", "topic", "pos.receipts.v1") in state.acls

    after = run(kafka, "plan", "--stores", str(stores), "--json")
    assert after.exit_code == 0
    assert planned(after)["changes"] == 0
    again = run(kafka, "apply", "--stores", str(stores))
    assert again.exit_code == 0
    assert "as the contracts say" in again.output
    assert read_state(kafka.admin()) == state

    # A store's key is replaced, another store is closed: shown, then done. One ACL of nobody's stands by.
    foreign = Acl("User:somebody", "read", "topic", "pos.receipts.v1")
    apply_plan(kafka.admin(), Plan(add_acls=(foreign,)))
    changed = stores_file(tmp_path, {str(number): 1 + (number == 330) for number in range(FLEET - 1)})
    shown = run(kafka, "plan", "--stores", str(changed))
    assert "revoke store 330.g1, store 456.g1" in " ".join(shown.output.split())
    assert run(kafka, "apply", "--stores", str(changed)).exit_code == 0
    acls = read_state(kafka.admin()).acls
    assert {acl.principal for acl in acls if ".g1" in acl.principal or ".g2" in acl.principal} == {
        f"User:CN=store-{number}.g{1 + (number == 330)},OU=stores,O=Tillstream" for number in range(FLEET - 1)
    }
    assert foreign in acls

    pruned = run(kafka, "apply", "--stores", str(changed), "--prune", "--json")
    assert pruned.exit_code == 0
    assert planned(pruned)["remove_acls"] == [vars(foreign)]
    assert foreign not in read_state(kafka.admin()).acls


def test_revoked_store_writes_nothing_more(kafka: Kafka, tmp_path: Path):
    """Once its generation is revoked a store is refused, while another store writes on."""
    topic = "store.operations.v1"
    assert run(kafka, "apply", "--stores", str(stores_file(tmp_path, {"330": 1, "406": 1}))).exit_code == 0
    assert deliver(kafka.store_settings("406"), topic) is None

    assert run(kafka, "apply", "--stores", str(stores_file(tmp_path, {"330": 1, "406": 2}))).exit_code == 0
    refused = deliver(kafka.store_settings("406"), topic)
    assert refused is not None
    assert refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert deliver(kafka.store_settings("330"), topic) is None

    renewed = kafka.broker.authority.issue_store("406", generation=2)
    assert deliver(KafkaSettings.from_env(kafka.broker.store_environment(renewed)), topic) is None


def test_without_a_list_stores_are_left_alone(kafka: Kafka, tmp_path: Path):
    """Without --stores neither plan nor apply touches a store's ACL."""
    stores = stores_file(tmp_path, {"330": 1})
    assert run(kafka, "apply", "--stores", str(stores)).exit_code == 0
    assert planned(run(kafka, "plan", "--json"))["changes"] == 0
    # Not so by a list that does not name it.
    others = stores_file(tmp_path, {"367": 1})
    assert len(planned(run(kafka, "plan", "--stores", str(others), "--json"))["remove_acls"]) == len(TOPICS)


def test_what_would_lose_messages_is_refused(kafka: Kafka):
    """Deleting a topic, changing partitions and shortening retention are refused; the rest is applied."""
    assert run(kafka, "apply").exit_code == 0
    admin = kafka.admin()
    apply_plan(admin, Plan(create_topics=(Topic("old.feed.v1", 1, 1, {}),)))
    admin.create_partitions([NewPartitions("store.operations.v1", 5)])["store.operations.v1"].result(60)
    longer = {"pos.receipts.v1": {"retention.ms": "99999999999", "max.message.bytes": "1000"}}
    kafka.configure(longer)
    wait_for(
        lambda: (
            len(admin.list_topics(timeout=60).topics["store.operations.v1"].partitions) == 5
            and read_state(admin).topics["pos.receipts.v1"].config["max.message.bytes"] == "1000"
        ),
        60,
        "the changes by hand",
    )

    result = run(kafka, "apply", "--json")
    assert result.exit_code == 1
    refused = {(each["topic"], each["what"]) for each in planned(result)["refused"]}
    assert refused == {
        ("old.feed.v1", "delete the topic"),
        ("store.operations.v1", "5 partitions to 3"),
        ("pos.receipts.v1", "retention.ms 99999999999 to 604800000"),
    }
    state = read_state(admin)
    assert "old.feed.v1" in state.topics
    assert state.topics["store.operations.v1"].partitions == 5
    assert state.topics["pos.receipts.v1"].config["retention.ms"] == "99999999999"
    assert state.topics["pos.receipts.v1"].config["max.message.bytes"] == "2097152"

    run(kafka, "apply", "--shrink-retention")
    assert read_state(admin).topics["pos.receipts.v1"].config["retention.ms"] == "604800000"


def test_broken_list_of_stores_changes_nothing(kafka: Kafka, tmp_path: Path):
    """An empty list of stores would revoke them all: it is refused, and says so."""
    assert run(kafka, "apply", "--stores", str(stores_file(tmp_path, {"330": 1}))).exit_code == 0
    result = run(kafka, "apply", "--stores", str(stores_file(tmp_path, {})))
    assert "holds no stores" in str(result.exception)
    assert deliver(kafka.store_settings("330"), "pos.receipts.v1") is None


def test_refused_log_in_says_why(kafka: Kafka, tmp_path: Path):
    """A wrong password is reported as such at once; the right one beside it plans."""
    wrong = write_private(tmp_path / "password", "wrong")
    refused = run(kafka, "plan", TILLSTREAM_KAFKA_PASSWORD_FILE=str(wrong))
    assert isinstance(refused.exception, TopicsError)
    assert "Authentication failed" in str(refused.exception)
    assert run(kafka, "plan").exit_code == 1


def test_workload_without_the_right_says_so(kafka: Kafka):
    """A user that may not see the cluster's ACLs is told what it lacks."""
    refused = run(kafka, "plan", **kafka.broker.workload_environment("quality"))
    assert isinstance(refused.exception, TopicsError)
    assert "lacks `describe` on the cluster" in str(refused.exception)
    assert run(kafka, "plan").exit_code == 1


def test_message_of_a_fast_clock_is_taken(kafka: Kafka, tmp_path: Path):
    """A till whose clock is a day ahead delivers: its date is for the lake to judge, not for the broker."""
    assert run(kafka, "apply", "--stores", str(stores_file(tmp_path, {"330": 1}))).exit_code == 0
    assert deliver(kafka.store_settings("330"), "pos.receipts.v1", ahead_ms=86_400_000) is None


@pytest.fixture
def changed_users(kafka: Kafka) -> Iterator[Kafka]:
    """A broker whose users get other passwords, and their own again."""
    yield kafka
    kafka.broker.create_users()


def test_users_are_made_by_the_administrator(changed_users: Kafka, tmp_path: Path):
    """With a file a user, each of them can log in by its password, and `topics` do its work; a new password counts."""
    kafka, users = changed_users, users_of(contracts.load().values())
    administrator = kafka.broker.store_environment(kafka.broker._administrator)
    for generation in ("first", "second"):
        for user in users:
            write_private(tmp_path / "users" / user, f"{generation} of {user}\n")
        result = run(kafka, "users", "--passwords", str(tmp_path / "users"), "--json", **administrator)
        assert json.loads(result.output) == {"users": sorted(users)}
        for user in users:
            # The broker answers before it knows of another password.
            wait_for(lambda user=user: logs_in(kafka, user, f"{generation} of {user}"), 60, user)  # type: ignore[misc] # noqa: B023 - called here
    assert not logs_in(kafka, "topics", "first of topics")
    plan = run(kafka, "plan", "--json", TILLSTREAM_KAFKA_PASSWORD_FILE=str(tmp_path / "users" / "topics"))
    assert [topic["name"] for topic in planned(plan)["create_topics"]] == sorted(TOPICS)


@pytest.mark.parametrize("wrong", ["missing", "unknown"])
def test_a_folder_of_passwords_that_does_not_fit_changes_nothing(kafka: Kafka, tmp_path: Path, wrong: str):
    """A workload without a password, or a password of nobody, is named before Kafka is asked."""
    users = users_of(contracts.load().values())
    for user in users - {"quality"} if wrong == "missing" else users | {"qualty"}:
        write_private(tmp_path / user, "secret")
    result = run(kafka, "users", "--passwords", str(tmp_path))
    assert result.exit_code != 0
    reason = "there is none of quality" if wrong == "missing" else "qualty is no workload"
    assert reason in str(result.exception)


def logs_in(kafka: Kafka, user: str, password: str) -> bool:
    """Whether Kafka lets this user in by this password, at once or never."""
    environment = kafka.broker.workload_environment(user) | {"TILLSTREAM_KAFKA_PASSWORD": password}
    del environment["TILLSTREAM_KAFKA_PASSWORD_FILE"]
    try:
        connect(KafkaSettings.from_env(environment))
    except TopicsError:
        return False
    return True
