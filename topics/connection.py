"""An administrator's connection: it says why it cannot be made, and gets its answers where one broker hangs."""

import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from topics.errors import TopicsError
from topics.settings import KafkaSettings

# Trying again does not help against these. A broker that dislikes a certificate just hangs up, after an alert.
REFUSALS = (KafkaError._AUTHENTICATION, KafkaError._SSL)  # noqa: SLF001 - librdkafka's own names for local errors
ALERT = "SSL alert"
TIMEOUT_SECONDS = 5
# Kafka takes a broker that hangs for alive for nine seconds.
TRIES = 6
HANGS = (KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT)  # noqa: SLF001 - as above
Answer = TypeVar("Answer")


class Connection:
    """A client keeps to the broker that it has chosen, even one that hangs: whoever gets no answer asks another."""

    def __init__(self, make: Callable[[], AdminClient]) -> None:
        """`make` connects, and connects anew."""
        self._make = make
        self._admin = make()

    @classmethod
    def to(cls, settings: KafkaSettings) -> Self:
        """Raise TopicsError as `connect` does."""
        return cls(lambda: connect(settings))

    def ask(self, question: Callable[[AdminClient], Answer]) -> Answer:
        """The answer to a question that may be put twice, and gives a broker TIMEOUT_SECONDS.

        Raise KafkaException where the answer is an error or nobody answers, and what `make` raises.
        """
        for _ in range(TRIES - 1):
            try:
                return question(self._admin)
            except KafkaException as error:
                if error.args[0].code() not in HANGS:
                    raise
            self._admin = self._make()
        return question(self._admin)


def connect(settings: KafkaSettings, timeout_seconds: float = 30) -> AdminClient:
    """A client that the broker has answered.

    Raise TopicsError as soon as the log-in is refused, or if nobody answers in time.
    """
    errors: list[KafkaError] = []
    # Its log lines would stand between lines of JSON; the errors are kept instead.
    configuration: dict[str, Any] = {**settings.librdkafka(), "log_level": 0, "error_cb": errors.append}
    try:
        admin = AdminClient(configuration)
    except KafkaException as error:
        raise TopicsError(
            f"No client for Kafka can be made: {error.args[0].str()}. Nothing was changed; check "
            "TILLSTREAM_KAFKA_LOGIN and the files it needs."
        ) from error
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            admin.list_topics(timeout=1)
        except KafkaException as error:
            admin.poll(0)
            refused = next((each for each in errors if each.code() in REFUSALS or ALERT in each.str()), None)
            if refused is not None:
                raise TopicsError(
                    f"Kafka at {settings.bootstrap} and this client do not accept each other: {refused.str()}. "
                    "Nothing was changed; check TILLSTREAM_KAFKA_LOGIN and the files it needs, and "
                    "TILLSTREAM_KAFKA_CA_FILE; docs/kafka-logins.md tells the errors apart."
                ) from error
            if time.monotonic() > deadline:
                raise TopicsError(
                    f"Kafka at {settings.bootstrap} did not answer within {timeout_seconds:.0f} s: "
                    f"{errors[-1].str() if errors else error.args[0].str()}. Nothing was changed; see that the "
                    "broker runs and that TILLSTREAM_KAFKA_BOOTSTRAP names it."
                ) from error
        else:
            return admin
