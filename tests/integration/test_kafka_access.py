"""Who may do what on the broker: each refusal stands beside the same request allowed."""

from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Message

from local.authority import Authority
from stores.files import write_private
from tests.support.broker import TOPICS, Kafka
from tests.support.clients import deliver, first_error, read
from topics.errors import TopicsError
from topics.logins import Mtls, Scram, Secret
from topics.settings import KafkaSettings
from topics.watermarks import watermarks

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("topic", TOPICS)
def test_store_writes_its_topics(kafka: Kafka, topic: str):
    """A store's certificate may write every topic whose contract lets stores produce."""
    assert deliver(kafka.store_settings("330"), topic) is None


def test_store_cannot_write_another_topic(kafka: Kafka):
    """A topic that no contract opens to stores refuses them, and takes the same message from who may write."""
    topic = kafka.new_topic(writers=("User:spark-batch",))
    refused = deliver(kafka.store_settings("330"), topic)
    assert refused is not None
    assert refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert deliver(kafka.workload_settings("spark-batch"), topic) is None


def test_store_cannot_read(kafka: Kafka):
    """A store's certificate cannot read even the topic it writes; a workload that may consume it can."""
    topic = kafka.new_topic()
    assert deliver(kafka.store_settings("330"), topic) is None
    refused = read(kafka.store_settings("330"), topic, group="store-330")
    assert refused is not None
    assert refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert read(kafka.workload_settings("quality"), topic, group="quality") is None


def test_workload_cannot_use_anothers_group(kafka: Kafka):
    """A consumer joins only groups that begin with its own name."""
    topic = kafka.new_topic()
    assert deliver(kafka.store_settings("330"), topic) is None

    def joined(group: str) -> Message:
        consumer = kafka.consumer("quality", **{"group.id": group})
        consumer.subscribe([topic])
        message = consumer.poll(60)
        consumer.close()
        assert message is not None
        return message

    refused = joined("spark-ingest-1").error()
    assert refused is not None
    assert refused.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
    assert joined("quality-1").error() is None


def test_workload_without_a_role_cannot_read(kafka: Kafka):
    """A workload reads a feed only if its contract says `consume`."""
    assert deliver(kafka.store_settings("330"), "pos.receipts.v1") is None
    refused = read(kafka.workload_settings("spark-batch"), "pos.receipts.v1", group="spark-batch")
    assert refused is not None
    assert refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert read(kafka.workload_settings("spark-ingest"), "pos.receipts.v1", group="spark-ingest") is None


def test_who_may_describe_cannot_read(kafka: Kafka):
    """Airflow's triggerer sees where a feed ends, as it must to measure a lag, and reads no message of it; who consumes
    the feed reads it, and who has nothing to do with it does not even see it.
    """
    topic = "pos.receipts.v1"
    assert deliver(kafka.store_settings("330"), topic) is None
    assert watermarks(kafka.connection_of("airflow-triggerer"), topic) == watermarks(
        kafka.connection_of("quality"), topic
    )
    refused = read(kafka.workload_settings("airflow-triggerer"), topic, group="airflow-triggerer")
    assert refused is not None
    assert refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert read(kafka.workload_settings("quality"), topic, group="quality") is None
    with pytest.raises(TopicsError, match="does not describe"):
        watermarks(kafka.connection_of("spark-batch"), topic)


def test_reader_cannot_write(kafka: Kafka):
    """A workload that consumes a feed cannot produce to it, as a store can."""
    refused = deliver(kafka.workload_settings("quality"), "pos.receipts.v1")
    assert refused is not None
    assert refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert deliver(kafka.store_settings("330"), "pos.receipts.v1") is None


def test_topics_cannot_delete(kafka: Kafka):
    """The user that makes topics has no right to delete one; an administrator has."""
    topic = kafka.new_topic()
    own, administrator = kafka.admin_of("topics"), kafka.admin()
    with pytest.raises(KafkaException) as refused:
        own.delete_topics([topic])[topic].result(60)
    assert refused.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    administrator.delete_topics([topic])[topic].result(60)


def test_unknown_authority_is_refused(kafka: Kafka, tmp_path: Path):
    """A certificate with a store's name from another authority is refused, and the store's own is not."""
    forged = Authority.create(tmp_path / "other").issue_store("330", generation=1)
    settings = kafka.store_settings("330")
    forgery = replace(settings, login=Mtls(forged.certificate_file, forged.key_file)).librdkafka()
    assert first_error(forgery, "tls alert certificate unknown") is not None
    assert first_error(settings.librdkafka()) is None


def test_certificate_is_demanded(kafka: Kafka):
    """The stores' listener refuses who shows no certificate."""
    settings = kafka.store_settings("330").librdkafka()
    anonymous = {name: value for name, value in settings.items() if "certificate" not in name and "key" not in name}
    assert first_error(anonymous, "tls alert bad certificate") is not None
    assert first_error(settings) is None


def test_unknown_broker_is_refused(kafka: Kafka, tmp_path: Path):
    """A client talks to no broker whose certificate its own authority did not sign."""
    other = Authority.create(tmp_path / "other")
    for settings in (kafka.store_settings("330"), kafka.workload_settings("quality")):
        mistaken = replace(settings, ca_file=other.certificate_file).librdkafka()
        # By what it says: on a busy machine it has the code of a connection that ended.
        assert first_error(mistaken, "certificate verify failed") is not None
        assert first_error(settings.librdkafka()) is None


@pytest.mark.parametrize("wrong", ["password", "user"])
def test_wrong_user_is_refused(kafka: Kafka, tmp_path: Path, wrong: str):
    """A wrong password, and a user that does not exist, are refused alike; the right pair is let in."""
    settings = kafka.workload_settings("quality")
    if wrong == "password":
        login = Scram("quality", Secret(write_private(tmp_path / "password", "wrong")))
    else:
        login = Scram("nobody", Secret(kafka.broker.password_file("quality")))
    error = first_error(replace(settings, login=login).librdkafka(), "Authentication failed")
    assert error is not None
    assert error.code() == KafkaError._AUTHENTICATION
    assert first_error(settings.librdkafka()) is None


def test_nothing_listens_in_the_clear(kafka: Kafka):
    """Neither stores nor workloads are answered without TLS."""
    for settings in (kafka.store_settings("330"), kafka.workload_settings("quality")):
        assert first_error({"bootstrap.servers": settings.bootstrap, "security.protocol": "PLAINTEXT"}) is not None
        assert first_error(settings.librdkafka()) is None


def test_old_generation_is_refused(kafka: Kafka):
    """A certificate of a generation that has no ACLs is known to the authority and may still write nothing."""
    old = kafka.broker.authority.issue_store("330", generation=7)
    settings = KafkaSettings.from_env(kafka.broker.store_environment(old))
    assert first_error(settings.librdkafka()) is None
    refused = deliver(settings, "pos.receipts.v1")
    assert refused is not None
    assert refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert deliver(kafka.store_settings("330"), "pos.receipts.v1") is None
