"""Read what Kafka holds, and carry out a plan."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from enum import Enum
from typing import Any, TypeVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from topics.errors import TopicsError
from topics.model import Acl, State, Topic
from topics.plan import ConfigChange, Plan

TIMEOUT_SECONDS = 60.0
# A request with every ACL of thousands of stores would be larger than brokers like.
BATCH = 500
# Kafka keeps groups and transactions in topics of its own.
INTERNAL_PREFIX = "__"
# librdkafka calls the cluster by its old name.
RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "cluster": ResourceType.BROKER,
    "transactional_id": ResourceType.TRANSACTIONAL_ID,
}

T = TypeVar("T")


def read_state(admin: AdminClient) -> State:
    """All topics but Kafka's own, and all ACLs."""
    try:
        metadata = admin.list_topics(timeout=TIMEOUT_SECONDS)
        # A topic that is being made or deleted at this moment has no partitions.
        found = {
            name: topic
            for name, topic in metadata.topics.items()
            if topic.partitions and not name.startswith(INTERNAL_PREFIX)
        }
        configs = _topic_configs(admin, found)
        cluster = admin.describe_cluster(include_authorized_operations=True).result(TIMEOUT_SECONDS)
        bindings = admin.describe_acls(_ANY_ACL).result(TIMEOUT_SECONDS)
    except (KafkaException, TimeoutError) as error:
        raise TopicsError(
            f"Kafka's topics and ACLs could not be read: {_text(error)}. Nothing was changed; see that the broker "
            "runs and that this user may describe topics and the cluster."
        ) from error
    # librdkafka answers "no ACLs" to who may not see them, and that would look like a cluster without any.
    if AclOperation.DESCRIBE not in (cluster.authorized_operations or ()):
        raise TopicsError(
            "This user may not see Kafka's ACLs: it lacks `describe` on the cluster. Nothing was changed; use the "
            "user `topics`, or one with its rights."
        )
    topics = {
        name: Topic(name, len(topic.partitions), len(topic.partitions[0].replicas), configs[name])
        for name, topic in found.items()
    }
    return State(topics, frozenset(_from_binding(binding) for binding in bindings))


def apply_plan(admin: AdminClient, plan: Plan, advance: Callable[[int], None] = lambda _: None) -> None:
    """Do what the plan says, and return when Kafka shows it. `advance` is told of each number of changes made.

    New rights are given before old ones are taken, so that no store stands without. A plan that fails half-way
    leaves the part that was done; the next plan holds the rest.
    """
    for topics in _batches(plan.create_topics):
        new = [NewTopic(each.name, each.partitions, each.replication, config=dict(each.config)) for each in topics]
        _finish("create topic", admin.create_topics(new), advance)
    _finish("configure topic", _alter_configs(admin, plan.change_configs), advance)
    for acls in _batches(plan.add_acls):
        _finish("add ACL", admin.create_acls([_binding(acl) for acl in acls]), advance)
    for acls in _batches(plan.remove_acls):
        _finish("remove ACL", admin.delete_acls([_filter(acl) for acl in acls]), advance)
    if plan.changes:
        _await_visible(admin, plan)


def revoke(admin: AdminClient, principals: Collection[str]) -> int:
    """Remove every ACL that lets these do something, and return how many those were when Kafka shows none."""
    found = sorted(acl for acl in read_state(admin).acls if acl.principal in principals and acl.permission == "allow")
    apply_plan(admin, Plan(remove_acls=tuple(found)))
    return len(found)


def _await_visible(admin: AdminClient, plan: Plan) -> None:
    """A broker answers before it knows: until then a store would be refused that has its ACL."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        state = read_state(admin)
        if (
            state.topics.keys() >= {topic.name for topic in plan.create_topics}
            and state.acls >= set(plan.add_acls)
            and state.acls.isdisjoint(plan.remove_acls)
            and all(
                each.topic in state.topics and state.topics[each.topic].config.get(each.name) == each.after
                for each in plan.change_configs
            )
        ):
            return
        if time.monotonic() > deadline:
            raise TopicsError(
                f"Kafka accepted the changes but did not show them within {TIMEOUT_SECONDS:.0f} s. "
                "See what is left with: tillstream topics plan"
            )
        time.sleep(0.1)


def _topic_configs(admin: AdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The settings made for each topic itself."""
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    if not resources:
        return {}
    answers = admin.describe_configs(resources)
    return {
        resource.name: {
            entry.name: entry.value
            for entry in future.result(TIMEOUT_SECONDS).values()
            if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
        }
        for resource, future in answers.items()
    }


def _alter_configs(admin: AdminClient, changes: Sequence[ConfigChange]) -> dict[Any, Future[Any]]:
    entries: dict[str, list[ConfigEntry]] = {}
    for change in changes:
        kind = AlterConfigOpType.DELETE if change.after is None else AlterConfigOpType.SET
        entry = ConfigEntry(change.name, change.after, incremental_operation=kind)
        entries.setdefault(change.topic, []).append(entry)
    resources = [
        ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=each) for topic, each in entries.items()
    ]
    return admin.incremental_alter_configs(resources) if resources else {}


def _finish(what: str, futures: dict[Any, Future[Any]], advance: Callable[[int], None]) -> None:
    for subject, future in futures.items():
        try:
            future.result(TIMEOUT_SECONDS)
        except (KafkaException, TimeoutError) as error:
            raise TopicsError(
                f"Kafka refused to {what} {subject}: {_text(error)}. What came before it is done; correct this and "
                "type `tillstream topics apply` again."
            ) from error
    advance(len(futures))


def _binding(acl: Acl) -> AclBinding:
    return AclBinding(
        RESOURCES[acl.resource],
        acl.name,
        ResourcePatternType[acl.pattern.upper()],
        acl.principal,
        acl.host,
        AclOperation[acl.operation.upper()],
        AclPermissionType[acl.permission.upper()],
    )


def _filter(acl: Acl) -> AclBindingFilter:
    # A filter that names every part matches one ACL.
    return AclBindingFilter(
        RESOURCES[acl.resource],
        acl.name,
        ResourcePatternType[acl.pattern.upper()],
        acl.principal,
        acl.host,
        AclOperation[acl.operation.upper()],
        AclPermissionType[acl.permission.upper()],
    )


def _from_binding(binding: AclBinding) -> Acl:
    resource = _word(binding.restype)
    return Acl(
        principal=binding.principal,
        operation=_word(binding.operation),
        resource="cluster" if resource == "broker" else resource,
        name=binding.name,
        pattern=_word(binding.resource_pattern_type),
        permission=_word(binding.permission_type),
        host=binding.host,
    )


def _word(value: Enum | str | int) -> str:
    return (value.name if isinstance(value, Enum) else str(value)).lower()


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _text(error: Exception) -> str:
    if isinstance(error, KafkaException):
        return str(error.args[0].str()).rstrip(".")
    return f"no answer within {TIMEOUT_SECONDS:.0f} s"


_ANY_ACL = AclBindingFilter(
    ResourceType.ANY,
    None,  # type: ignore[arg-type] # the stubs do not know that None means: any
    ResourcePatternType.ANY,
    None,  # type: ignore[arg-type] # as above
    None,  # type: ignore[arg-type] # as above
    AclOperation.ANY,
    AclPermissionType.ANY,
)
