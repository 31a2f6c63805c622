"""From contracts and stores to the topics and ACLs that Kafka should hold."""

import json
from pathlib import Path

import pytest

import contracts
from topics.desired import desired_state, read_stores, workload_principals
from topics.errors import TopicsError
from topics.model import Acl, Store
from topics.users import users_of


@pytest.fixture(scope="module")
def described() -> list[contracts.Contract]:
    return list(contracts.load().values())


def test_stores_may_write_what_they_produce(described: list[contracts.Contract]):
    """Each store may write each topic whose contract lets stores produce, and has no other right."""
    state = desired_state(described, [Store("330", 2)], replication=3)
    topics = {contract.topic.name for contract in described if "stores" in contract.who_may("produce")}
    rights = {acl for acl in state.acls if acl.principal == "User:CN=store-330.g2,OU=stores,O=Tillstream"}
    assert topics
    assert rights == {Acl("User:CN=store-330.g2,OU=stores,O=Tillstream", "write", "topic", name) for name in topics}


def test_consumers_read_by_role(described: list[contracts.Contract]):
    """A workload reads the topics whose contract lets it consume, in groups that begin with its name."""
    rights = {acl for acl in desired_state(described, [], replication=1).acls if acl.principal == "User:spark-ingest"}
    topics = {contract.topic.name for contract in described if "spark-ingest" in contract.who_may("consume")}
    assert rights == {
        *(Acl("User:spark-ingest", "read", "topic", name) for name in topics),
        Acl("User:spark-ingest", "read", "group", "spark-ingest", "prefixed"),
    }


def test_who_may_describe_reads_nothing(described: list[contracts.Contract]):
    """A workload that may describe sees the topics whose contract says so; it reads none of them and joins no group."""
    rights = {acl for acl in desired_state(described, [], replication=1).acls if "airflow" in acl.principal}
    topics = {contract.topic.name for contract in described}
    assert rights == {Acl("User:airflow-triggerer", "describe", "topic", name) for name in topics}


def test_who_logs_in_gets_a_user(described: list[contracts.Contract]):
    """Users are those that have to do with a topic, and the administrator; who only reads tables is none."""
    assert users_of(described) == {"airflow-triggerer", "quality", "spark-ingest", "topics"}


def test_administrator_may_not_delete():
    """The user that makes topics holds no right to delete one or to change its partitions."""
    rights = desired_state([], [], replication=1).acls
    assert {acl.principal for acl in rights} == {"User:topics"}
    assert {acl.operation for acl in rights if acl.resource == "topic"}.isdisjoint({"delete", "alter", "all"})


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_copies_in_sync(described: list[contracts.Contract], replication: int, in_sync: str):
    """A message counts as written on all copies but one, and on at least one."""
    topics = desired_state(described, [], replication).topics.values()
    assert {(topic.replication, topic.config["min.insync.replicas"]) for topic in topics} == {(replication, in_sync)}


def test_roles_are_workloads(described: list[contracts.Contract]):
    """Whoever a contract names owns ACLs, but for the stores, who have principals of their own."""
    principals = workload_principals(described)
    assert {"User:spark-ingest", "User:quality", "User:topics"} <= principals
    assert "User:stores" not in principals


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "holds no stores"),
        ("{}", "holds no stores"),
        ("[", "Expecting value"),
        ("[1]", "1 is no object"),
        ('[{"store_id": 330, "key_generation": 1}]', "330 is no store_id"),
        ('[{"store_id": "1,OU=admins", "key_generation": 1}]', "is no store_id"),
        ('[{"store_id": "330", "key_generation": true}]', "no key_generation of store 330"),
        ('[{"store_id": "330", "key_generation": 0}]', "no key_generation of store 330"),
        ('[{"store_id": "330", "key_generation": 1}, {"store_id": "330", "key_generation": 2}]', "330 twice"),
    ],
)
def test_broken_lists_of_stores(tmp_path: Path, text: str, reason: str):
    """A list of stores that is empty, broken or ambiguous is refused whole: who is not on it would be revoked."""
    (tmp_path / "stores.json").write_text(text)
    with pytest.raises(TopicsError, match=reason):
        read_stores(tmp_path / "stores.json")


def test_list_of_stores(tmp_path: Path):
    """Rows of the store dimension serve as the list: other fields are not looked at."""
    (tmp_path / "stores.json").write_text(json.dumps([{"store_id": "330", "key_generation": 2, "name": "Main St"}]))
    assert read_stores(tmp_path / "stores.json") == (Store("330", 2),)


def test_store_that_logs_in_by_name(tmp_path: Path):
    """A store may log in otherwise than by certificate: its principal is then its name and generation alone."""
    file = tmp_path / "stores.json"
    file.write_text(json.dumps([{"store_id": "330", "key_generation": 2, "login": "kerberos"}]))
    [store] = read_stores(file)
    assert store.principal == "User:store-330.g2"
    file.write_text(json.dumps([{"store_id": "330", "key_generation": 2, "login": "iam"}]))
    with pytest.raises(TopicsError, match="'iam' is no login of store 330"):
        read_stores(file)
