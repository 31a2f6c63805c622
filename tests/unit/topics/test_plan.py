"""The difference between what Kafka holds and what it should hold."""

from dataclasses import replace

import pytest

from topics.model import Acl, State, Store, Topic
from topics.plan import ConfigChange, Plan, make_plan

WORKLOADS = {"User:quality"}
TOPIC = Topic("a.v1", 3, 1, {"retention.ms": "1000", "max.message.bytes": "5"})
STORE = Acl(Store("330", 1).principal, "write", "topic", "a.v1")
OLD_STORE = Acl(Store("330", 2).principal, "write", "topic", "a.v1")
READER = Acl("User:quality", "read", "topic", "a.v1")
STRANGER = Acl("User:somebody", "read", "topic", "a.v1")


def holding(*parts: Topic | Acl) -> State:
    topics = {part.name: part for part in parts if isinstance(part, Topic)}
    return State(topics, frozenset(part for part in parts if isinstance(part, Acl)))


def plan(desired: State, actual: State, *, with_stores: bool = True, **flags: bool) -> Plan:
    return make_plan(desired, actual, workloads=WORKLOADS, with_stores=with_stores, **flags)


def test_nothing_to_do():
    """Where Kafka holds what it should, the plan is empty."""
    state = holding(TOPIC, STORE, READER)
    assert plan(state, state) == Plan()


def test_empty_cluster():
    """On an empty cluster everything is made."""
    found = plan(holding(TOPIC, STORE, READER), State())
    assert found.create_topics == (TOPIC,)
    assert set(found.add_acls) == {STORE, READER}
    assert found.changes == 3


def test_old_generation_is_revoked():
    """The ACLs of a generation that is no longer a store's are removed, and the new one's added."""
    found = plan(holding(OLD_STORE), holding(STORE))
    assert (found.add_acls, found.remove_acls) == ((OLD_STORE,), (STORE,))


def test_stores_without_a_list():
    """Without the list of stores, their ACLs are neither removed nor called unknown."""
    assert plan(State(), holding(STORE), with_stores=False) == Plan()


def test_workloads_rights_are_owned():
    """A workload's right that no contract gives any more is removed."""
    assert plan(State(), holding(READER)).remove_acls == (READER,)


def test_strangers_are_shown_and_kept():
    """An ACL of nobody known is shown and kept, and removed only by --prune."""
    kept = plan(State(), holding(STRANGER))
    assert (kept.remove_acls, kept.unknown_acls, kept.changes) == ((), (STRANGER,), 0)
    pruned = plan(State(), holding(STRANGER), prune=True)
    assert (pruned.remove_acls, pruned.unknown_acls) == ((STRANGER,), ())


def test_denials_are_not_taken_for_rights():
    """An ACL that denies what a contract allows is another ACL, and is removed."""
    denial = replace(READER, permission="deny")
    found = plan(holding(READER), holding(READER, denial))
    assert found.remove_acls == (denial,)


def test_topic_without_contract_is_not_deleted():
    """A topic that no contract describes stays, and is named."""
    (refusal,) = plan(State(), holding(TOPIC)).refused
    assert (refusal.topic, refusal.what) == ("a.v1", "delete the topic")


def test_partitions_are_not_changed():
    """Neither more nor fewer partitions: both are refused, each with its reason."""
    (more,) = plan(holding(replace(TOPIC, partitions=4)), holding(TOPIC)).refused
    assert "lose their order" in more.reason
    (fewer,) = plan(holding(replace(TOPIC, partitions=2)), holding(TOPIC)).refused
    assert "cannot take partitions away" in fewer.reason


def test_copies_are_not_changed():
    """Another number of copies is for whoever runs the cluster."""
    (refusal,) = plan(holding(replace(TOPIC, replication=3)), holding(TOPIC)).refused
    assert refusal.what == "1 copies to 3"


def test_copies_in_sync_wait_for_copies():
    """While the copies are not those asked for, neither is their least number in sync: writes would stop."""
    wanted = replace(TOPIC, replication=3, config={**TOPIC.config, "min.insync.replicas": "2"})
    found = replace(TOPIC, config={**TOPIC.config, "min.insync.replicas": "1"})
    assert plan(holding(wanted), holding(found)).change_configs == ()
    moved = replace(found, replication=3)
    changes = plan(holding(wanted), holding(moved)).change_configs
    assert changes == (ConfigChange("a.v1", "min.insync.replicas", "1", "2"),)


def test_settings_follow_the_contract():
    """A setting that differs is changed, one that was made by hand goes back to the default."""
    by_hand = replace(TOPIC, config={**TOPIC.config, "max.message.bytes": "6", "compression.type": "gzip"})
    found = plan(holding(TOPIC), holding(by_hand))
    assert found.change_configs == (
        ConfigChange("a.v1", "compression.type", "gzip", None),
        ConfigChange("a.v1", "max.message.bytes", "6", "5"),
    )
    assert not found.refused


def retention(before: str | None, after: str | None, *, shrink_retention: bool = False) -> Plan:
    def topic(value: str | None) -> State:
        return holding(replace(TOPIC, config={"retention.ms": value} if value else {}))

    return plan(topic(after), topic(before), shrink_retention=shrink_retention)


def test_retention_grows():
    """Longer retention, and for ever, are applied."""
    for before, after in (("1000", "2000"), ("1000", "-1")):
        assert retention(before, after).change_configs == (ConfigChange("a.v1", "retention.ms", before, after),)


def test_retention_does_not_shrink():
    """Shorter retention deletes messages: refused, also from for ever and to an unknown default, but for the flag."""
    for before, after in (("2000", "1000"), ("-1", "1000"), ("1000", None), (None, "1000")):
        found = retention(before, after)
        assert found.change_configs == ()
        assert "--shrink-retention" in found.refused[0].reason
        allowed = retention(before, after, shrink_retention=True)
        assert allowed.change_configs == (ConfigChange("a.v1", "retention.ms", before, after),)
        assert not allowed.refused


def cleaned(policy: str | None) -> Topic:
    return replace(TOPIC, config={"cleanup.policy": policy} if policy else {})


@pytest.mark.parametrize(
    ("before", "after"),
    [("delete", "compact"), ("compact", "delete"), ("delete", "compact,delete"), (None, "compact"), ("compact", None)],
)
def test_another_clean_up_is_refused(before: str | None, after: str | None):
    """A topic that is compacted keeps one message a store, and one that no longer is loses what was kept: no flag
    makes `apply` do either.
    """
    found = plan(holding(cleaned(after)), holding(cleaned(before)), shrink_retention=True)
    assert found.changes == 0
    [refusal] = found.refused
    assert refusal.topic == TOPIC.name
    assert refusal.what == f"cleanup.policy {before or 'default'} to {after or 'default'}"


@pytest.mark.parametrize(("before", "after"), [(None, "delete"), ("compact,delete", "delete,compact")])
def test_the_same_clean_up_in_other_words(before: str | None, after: str):
    """What only says the same otherwise is applied."""
    found = plan(holding(cleaned(after)), holding(cleaned(before)))
    assert found.refused == ()
    assert found.change_configs == (ConfigChange(TOPIC.name, "cleanup.policy", before, after),)
