"""What Kafka holds, or should hold: topics and access rules, as values that can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field

CLUSTER = "kafka-cluster"


@dataclass(frozen=True)
class Topic:
    """A topic with the settings that were made for it; what it inherits from the cluster is not listed."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, order=True)
class Acl:
    """One access rule, in Kafka's own words in lower case. By default it allows, from any host."""

    principal: str
    operation: str
    resource: str
    name: str
    pattern: str = "literal"
    permission: str = "allow"
    host: str = "*"

    def __str__(self) -> str:
        star = "*" if self.pattern == "prefixed" else ""
        host = "" if self.host == "*" else f" from {self.host}"
        return f"{self.principal} {self.permission} {self.operation} {self.resource} {self.name}{star}{host}"


@dataclass(frozen=True)
class State:
    """All topics by name, and all access rules."""

    topics: Mapping[str, Topic] = field(default_factory=dict)
    acls: frozenset[Acl] = frozenset()


@dataclass(frozen=True)
class Store:
    """A store that may write: only the log-ins of its current key generation count.

    By certificate its principal is the whole subject, by any other log-in its name alone.
    """

    store_id: str
    key_generation: int
    by_certificate: bool = True

    @property
    def principal(self) -> str:
        name = f"store-{self.store_id}.g{self.key_generation}"
        return f"User:CN={name},OU=stores,O=Tillstream" if self.by_certificate else f"User:{name}"
