"""Who is asked, while one of Kafka's brokers hangs."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from topics.connection import TRIES, Connection

HANGS = KafkaError._TIMED_OUT


def asked(*outcomes: str | int) -> tuple[Connection, list[Any]]:
    """A connection whose clients have these answers or errors, one after the other, and those that are left."""
    clients: list[Any] = list(outcomes)
    return Connection(lambda: clients.pop(0)), clients


def question(client: Any) -> str:
    if isinstance(client, int):
        raise KafkaException(KafkaError(client))
    return f"the {client}"


def test_a_broker_that_hangs_is_not_asked_again():
    """Who gets no answer in time connects anew, and asks whoever answers now."""
    connection, left = asked(HANGS, KafkaError.REQUEST_TIMED_OUT, "answer", "rest")
    assert connection.ask(question) == "the answer"
    assert connection.ask(question) == "the answer"
    assert left == ["rest"]


def test_nobody_answers():
    """It does not go on for ever."""
    connection, left = asked(*[HANGS] * TRIES, "rest")
    with pytest.raises(KafkaException):
        connection.ask(question)
    assert left == ["rest"]


def test_an_error_is_an_answer():
    """That there is no such topic is said at once."""
    connection, left = asked(KafkaError.UNKNOWN_TOPIC_OR_PART, "rest")
    with pytest.raises(KafkaException):
        connection.ask(question)
    assert left == ["rest"]
