"""The difference between what Kafka holds and what it should hold. Pure: it reads and changes nothing."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from topics.desired import STORE_PREFIXES
from topics.model import Acl, State, Topic

# Lowering one of these makes Kafka delete messages.
RETENTION = ("retention.ms", "retention.bytes")
IN_SYNC = "min.insync.replicas"
CLEANUP = "cleanup.policy"
# What Kafka does with a topic for which nobody said anything else.
DEFAULT_CLEANUP = "delete"


@dataclass(frozen=True)
class ConfigChange:
    """A setting of a topic; `after` is None where it goes back to the cluster's default."""

    topic: str
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Refusal:
    """A difference that stays, because closing it would lose messages or break their order."""

    topic: str
    what: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What `apply` does, in this order, and what it leaves alone."""

    create_topics: tuple[Topic, ...] = ()
    change_configs: tuple[ConfigChange, ...] = ()
    add_acls: tuple[Acl, ...] = ()
    remove_acls: tuple[Acl, ...] = ()
    refused: tuple[Refusal, ...] = ()
    unknown_acls: tuple[Acl, ...] = ()

    @property
    def changes(self) -> int:
        """How many changes `apply` would make."""
        parts = (self.create_topics, self.change_configs, self.add_acls, self.remove_acls)
        return sum(len(part) for part in parts)


def make_plan(
    desired: State,
    actual: State,
    *,
    workloads: Collection[str],
    with_stores: bool,
    shrink_retention: bool = False,
    prune: bool = False,
) -> Plan:
    """Compare. `workloads` are the principals whose ACLs belong to the contracts.

    `with_stores` says that `desired` names every store that may write, so that the ACLs of others are revoked;
    without it the stores' ACLs are left as they are. `prune` also removes ACLs that belong to nobody known here.
    """
    changes: list[ConfigChange] = []
    refused: list[Refusal] = [*_undescribed(desired, actual)]
    for name in sorted(desired.topics.keys() & actual.topics.keys()):
        wanted, found = desired.topics[name], actual.topics[name]
        refused.extend(_refused_shape(wanted, found))
        for change in _config_changes(wanted, found):
            if _cleans_otherwise(change):
                refused.append(_refused_cleanup(change))
            elif _shrinks(change) and not shrink_retention:
                refused.append(_refused_retention(change))
            elif change.name == IN_SYNC and wanted.replication != found.replication:
                # Meant for another number of copies: with these, the topic might take no message at all.
                continue
            else:
                changes.append(change)

    surplus = actual.acls - desired.acls
    owned = {acl for acl in surplus if acl.principal in workloads or (with_stores and _is_store(acl))}
    unknown = {acl for acl in surplus if acl.principal not in workloads and not _is_store(acl)}
    return Plan(
        create_topics=tuple(desired.topics[name] for name in sorted(desired.topics.keys() - actual.topics.keys())),
        change_configs=tuple(changes),
        add_acls=tuple(sorted(desired.acls - actual.acls)),
        remove_acls=tuple(sorted(owned | unknown if prune else owned)),
        refused=tuple(refused),
        unknown_acls=() if prune else tuple(sorted(unknown)),
    )


def _is_store(acl: Acl) -> bool:
    return acl.principal.startswith(STORE_PREFIXES)


def _undescribed(desired: State, actual: State) -> Iterator[Refusal]:
    for name in sorted(actual.topics.keys() - desired.topics.keys()):
        yield Refusal(
            name,
            "delete the topic",
            "no contract describes it, and its messages would be lost; bring its contract back, or delete it with "
            "Kafka's own tools",
        )


def _refused_shape(wanted: Topic, found: Topic) -> Iterator[Refusal]:
    step = f"{found.partitions} partitions to {wanted.partitions}"
    if wanted.partitions < found.partitions:
        yield Refusal(wanted.name, step, "Kafka cannot take partitions away; make the topic of the next version")
    elif wanted.partitions > found.partitions:
        yield Refusal(
            wanted.name,
            step,
            "keys would move to other partitions, and a store's messages would lose their order; make the topic of "
            "the next version",
        )
    if wanted.replication != found.replication:
        yield Refusal(
            wanted.name,
            f"{found.replication} copies to {wanted.replication}",
            "moving copies is the work of whoever runs the cluster; let them reassign, or set "
            "TILLSTREAM_KAFKA_REPLICATION to what the cluster keeps",
        )


def _config_changes(wanted: Topic, found: Topic) -> Iterator[ConfigChange]:
    for name in sorted(wanted.config.keys() | found.config.keys()):
        before, after = found.config.get(name), wanted.config.get(name)
        if before != after:
            yield ConfigChange(wanted.name, name, before, after)


def _cleans_otherwise(change: ConfigChange) -> bool:
    before, after = (set((value or DEFAULT_CLEANUP).split(",")) for value in (change.before, change.after))
    return change.name == CLEANUP and before != after


def _refused_cleanup(change: ConfigChange) -> Refusal:
    return Refusal(
        change.topic,
        f"{CLEANUP} {change.before or 'default'} to {change.after or 'default'}",
        "compaction deletes all but the newest message of each key, and its end lets retention delete what was kept; "
        "make the topic of the next version, or change it with Kafka's own tools",
    )


def _shrinks(change: ConfigChange) -> bool:
    if change.name not in RETENTION:
        return False
    if change.before is None or change.after is None:
        # The cluster's default is not known here, and may be less.
        return True
    before, after = int(change.before), int(change.after)
    # A negative number means: keep for ever.
    return after >= 0 and (before < 0 or after < before)


def _refused_retention(change: ConfigChange) -> Refusal:
    return Refusal(
        change.topic,
        f"{change.name} {change.before or 'default'} to {change.after or 'default'}",
        "Kafka may delete messages at once; say --shrink-retention if it shall",
    )
