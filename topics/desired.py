"""What Kafka should hold, from the contracts, the stores and the size of the platform."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from contracts import Contract
from topics.errors import TopicsError
from topics.model import CLUSTER, Acl, State, Store, Topic

# The role that contracts give to all stores at once.
STORES = "stores"
STORE_PREFIXES = ("User:CN=store-", "User:store-")
# How a store may log in. IAM is for workloads, and has no ACLs.
STORE_LOGINS = ("mtls", "scram", "oauthbearer", "kerberos")
ADMINISTRATOR = "topics"
# The same characters as in event ids: nothing that could add a part to a certificate's name.
STORE_ID = re.compile(r"[A-Za-z0-9_.]+")


def desired_state(contracts: Iterable[Contract], stores: Iterable[Store], replication: int) -> State:
    """The topics and ACLs that the contracts ask for, on a cluster that keeps `replication` copies of each message."""
    contracts = list(contracts)
    principals = [store.principal for store in stores]
    topics = {contract.topic.name: _topic(contract, replication) for contract in contracts}
    acls = set(administrator_acls())
    for contract in contracts:
        name = contract.topic.name
        for role in contract.who_may("produce"):
            writers = principals if role == STORES else [f"User:{role}"]
            acls.update(Acl(writer, "write", "topic", name) for writer in writers)
        for role in contract.who_may("consume"):
            acls.add(Acl(f"User:{role}", "read", "topic", name))
            # A consumer's groups begin with its own name.
            acls.add(Acl(f"User:{role}", "read", "group", role, "prefixed"))
        for role in contract.who_may("describe"):
            acls.add(Acl(f"User:{role}", "describe", "topic", name))
    return State(topics, frozenset(acls))


def administrator_acls() -> frozenset[Acl]:
    """What `tillstream topics` itself may do: make and configure topics, and set ACLs. It cannot delete a topic."""
    principal = f"User:{ADMINISTRATOR}"
    on_topics = ("create", "describe", "describe_configs", "alter_configs")
    return frozenset(
        {
            *(Acl(principal, operation, "topic", "*") for operation in on_topics),
            *(Acl(principal, operation, "cluster", CLUSTER) for operation in ("alter", "describe")),
        }
    )


def workload_principals(contracts: Iterable[Contract]) -> frozenset[str]:
    """Every workload that a contract names or that this room serves: the owners of ACLs that are not stores'."""
    roles = {role.name for contract in contracts for role in contract.roles} - {STORES}
    return frozenset(f"User:{name}" for name in roles | {ADMINISTRATOR})


def read_stores(file: Path) -> tuple[Store, ...]:
    """The stores of a JSON list of objects with `store_id` and `key_generation`, and `login` if it is not mtls.

    Other fields are not looked at.
    An empty list is refused: it would revoke every store at once, and is more likely half a file.
    """

    def refuse(reason: str) -> TopicsError:
        return TopicsError(
            f"The list of stores {file} cannot be used: {reason}. Nothing was changed. It is a JSON list like "
            '[{"store_id": "330", "key_generation": 1}].'
        )

    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise refuse(str(error)) from error
    if not isinstance(rows, list) or not rows:
        raise refuse("it holds no stores")
    stores = tuple(_store(row, refuse) for row in rows)
    repeated = [store_id for store_id, count in Counter(store.store_id for store in stores).items() if count > 1]
    if repeated:
        raise refuse(f"it names {', '.join(repeated[:5])} twice, and a store has one current generation")
    return stores


def _store(row: object, refuse: Callable[[str], TopicsError]) -> Store:
    if not isinstance(row, Mapping):
        raise refuse(f"{row!r} is no object")
    store_id, generation = row.get("store_id"), row.get("key_generation")
    if not isinstance(store_id, str) or not STORE_ID.fullmatch(store_id):
        raise refuse(f"{store_id!r} is no store_id (letters, digits, _ and .)")
    if not isinstance(generation, int) or isinstance(generation, bool) or generation < 1:
        raise refuse(f"{generation!r} is no key_generation of store {store_id} (a whole number of at least 1)")
    login = row.get("login", "mtls")
    if login not in STORE_LOGINS:
        raise refuse(f"{login!r} is no login of store {store_id} ({', '.join(STORE_LOGINS)})")
    return Store(store_id, generation, by_certificate=login == "mtls")


def _topic(contract: Contract, replication: int) -> Topic:
    # One copy may be away for maintenance without stopping the stores; with a single copy that cannot be.
    in_sync = {"min.insync.replicas": str(max(1, replication - 1))}
    return Topic(contract.topic.name, contract.topic.partitions, replication, {**contract.topic.config, **in_sync})
