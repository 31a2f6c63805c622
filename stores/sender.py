"""Sends what the outbox holds to Kafka: at least once, in the order in which it was appended, and drops nothing.

A row is marked as sent when Kafka has acknowledged it. A sender that is killed before it could mark sends those rows
again when it comes back; readers tell the second copy by its event id. Messages have no time-out: while the broker
is away librdkafka waits, backs off and tries again, and the outbox fills.

librdkafka reads certificates and passwords once. When their files are replaced, the sender hands nothing more to its
producer, waits until what is on its way has arrived, and goes on with a new one: no restart, order kept, nothing twice.
"""

import fcntl
import logging
import os
import threading
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, Producer

from contracts.errors import TillstreamError
from stores.errors import SenderError
from stores.metrics import StoreMetrics
from stores.outbox import Outbox
from stores.renewal import LoginWatch, not_after_seconds
from stores.sealing import Message, Seal
from topics.settings import KafkaSettings

LOG = logging.getLogger(__name__)
# librdkafka says so with every producer that asks for it; that it holds is tested on a real broker.
LOG.addFilter(lambda record: "enable.gapless.guarantee is experimental" not in record.getMessage())

WINDOW = 2_000
"""So many messages may be on their way to Kafka at once."""
MAX_MESSAGE_BYTES = 2_000_000
CONNECT_MS = 60_000
IDLE_SECONDS = 0.05
FIRST_BACK_OFF_SECONDS = 0.5
LONGEST_BACK_OFF_SECONDS = 30.0
LOOK_SECONDS = 1.0
"""So often the files of the log-in are looked at."""
HAND_OVER_SECONDS = 30.0
"""A producer whose log-in was replaced has so long to bring home what is on its way; then it is sent again."""

LAST_REPORTS_SECONDS = 10.0
"""A producer that is given up has so long to say what became of the messages that it had."""

# Waiting does not help against these, and going round them would break the order.
REFUSALS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "its certificate may not write that topic; `tillstream topics plan` shows "
    "whether its ACL is missing (a revoked generation needs a new certificate)",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "its certificate has no right on the cluster: `tillstream topics plan`",
    KafkaError.SASL_AUTHENTICATION_FAILED: "its log-in was refused; check TILLSTREAM_KAFKA_LOGIN and its secret",
    KafkaError._AUTHENTICATION: "its log-in was refused; check TILLSTREAM_KAFKA_LOGIN and its secret",  # noqa: SLF001 - librdkafka's own codes begin so
    KafkaError.MSG_SIZE_TOO_LARGE: "the topic takes no message of that size; raise max.message.bytes in its contract",
}


# Reports of messages that the sender itself let go of.
LET_GO = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)  # noqa: SLF001 - as above
# That a producer stops, as the next messages would overtake refused ones, or had stopped when it was given one.
STOPPED = (KafkaError._GAPLESS_GUARANTEE, KafkaError._FATAL)  # noqa: SLF001 - as above


def producer_settings(settings: KafkaSettings) -> dict[str, Any]:
    """How every store's producer is set, whatever its log-in."""
    return {
        **settings.librdkafka(),
        "enable.idempotence": True,
        # By default the producer goes on with what is behind a refused batch: it would arrive before its predecessors.
        "enable.gapless.guarantee": True,
        "acks": "all",
        "partitioner": "murmur2_random",
        # No time-out: a message that librdkafka gave up could be overtaken by the next one of its register.
        "message.timeout.ms": 0,
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "linger.ms": 10,
        "compression.type": "lz4",
        "reconnect.backoff.max.ms": 5_000,
        # A broker to which a whole chain comes back at once takes its time to greet; giving up only adds to its work.
        "api.version.request.timeout.ms": CONNECT_MS,
        "socket.connection.setup.timeout.ms": CONNECT_MS,
        "socket.keepalive.enable": True,
    }


class Session:
    """One producer's life, from its making to its first failure."""

    def __init__(self, settings: KafkaSettings, metrics: StoreMetrics, store_id: str) -> None:
        self._errors = metrics.errors
        self._store_id = store_id
        self.in_flight = 0
        self.acknowledged: list[tuple[int, str]] = []
        """Id and topic of the messages that Kafka has, and the outbox does not know of yet."""
        self.failure: KafkaError | None = None
        self.producer = Producer({**producer_settings(settings), "error_cb": self._error}, logger=LOG)

    def send(self, row_id: int, message: Message) -> None:
        """Hand over one message. Raises BufferError when librdkafka's own queue is full."""
        try:
            self.producer.produce(
                message.topic,
                value=message.value,
                key=message.key,
                partition=message.partition,
                headers=message.headers,  # type: ignore[arg-type] # its stub forgot that values may be bytes
                timestamp=message.timestamp_ms,
                on_delivery=partial(self._delivered, row_id),
            )
        except KafkaException as error:
            self._fail(error.args[0])
        else:
            self.in_flight += 1

    def poll(self, timeout_seconds: float = 0) -> None:
        """Take the reports that are there, or wait for the first one."""
        try:
            self.producer.poll(timeout_seconds)
        except KafkaException as error:
            # The binding gives a fatal error to no callback: it raises it here, once, in the midst of the reports.
            self._fail(error.args[0])

    def finish(self, timeout_seconds: float) -> None:
        """Wait for what is on its way. Not by `flush`, which goes on with reports after it has met a fatal error, and
        then raises something else.
        """
        deadline = time.monotonic() + timeout_seconds
        while self.in_flight and not self.failure and time.monotonic() < deadline:
            self.poll(IDLE_SECONDS)

    def close(self) -> None:
        """Let go of everything that has no report yet."""
        self.producer.purge()
        # Each message has its report at once, but a fatal error may end a look before the last one, and those of an
        # answer that was just being read come a moment later. They tell of the cause.
        self.poll()
        deadline = time.monotonic() + LAST_REPORTS_SECONDS
        while self.in_flight > 0 and time.monotonic() < deadline:
            self.poll(IDLE_SECONDS)
        # One that came just now changes nothing any more; SystemError as in `finish`.
        with suppress(KafkaException, SystemError):
            self.producer.close()

    def _delivered(self, row_id: int, error: KafkaError | None, message: Any) -> None:  # noqa: ANN401 - untyped library
        self.in_flight -= 1
        if error is None:
            self.acknowledged.append((row_id, message.topic()))
        else:
            self._fail(error)

    def _error(self, error: KafkaError) -> None:
        if error.code() in REFUSALS:
            self._fail(error)
        else:
            self._count(error)

    def _fail(self, error: KafkaError) -> None:
        self._count(error)
        # The first one is the cause, later ones are what it brought down with it. But that the producer stopped does
        # not say why: the reports that follow do.
        if self.failure is None or (self.failure.code() in STOPPED and error.code() not in LET_GO):
            self.failure = error

    def _count(self, error: KafkaError) -> None:
        if error.code() not in LET_GO:
            self._errors.labels(self._store_id, error.name()).inc()


class Sender:
    """The one sender of an outbox. Raises SenderError where another one is at work.

    `pump` never blocks, so that one thread can serve many stores; `run` serves one.
    """

    def __init__(self, outbox: Outbox, settings: KafkaSettings, seal: Seal, metrics: StoreMetrics) -> None:
        self.outbox = outbox
        self.session: Session | None = None
        self._settings = settings
        self._seal = seal
        self._metrics = metrics
        self._handed_over = 0
        self._back_off_seconds = FIRST_BACK_OFF_SECONDS
        self._retry_at = 0.0
        self._watch = LoginWatch(settings, LOOK_SECONDS)
        self._successor: Session | None = None
        self._hand_over_until = 0.0
        self._lock = _sole_sender(outbox)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def in_flight(self) -> int:
        """Messages that were handed to librdkafka and have no report yet."""
        return self.session.in_flight if self.session else 0

    def connect(self, timeout_seconds: float = 60) -> None:
        """Connect now and not with the first message. Raises SenderError where Kafka does not answer."""
        self.session = self.session or self._begin()
        try:
            self.session.producer.list_topics(timeout=timeout_seconds)
        except KafkaException as error:
            raise SenderError(
                f"Kafka at {self._settings.bootstrap} does not answer store {self.outbox.store_id}: "
                f"{error.args[0].str()}. Nothing was sent, all is in {self.outbox.path}. "
                "See that the broker runs: tillstream status"
            ) from error

    def pump(self) -> int:
        """Hand over what fits, mark what Kafka has acknowledged, return how many that were.

        Raises SenderError when Kafka refuses this store; what was not sent stays in the outbox.
        """
        self.send()
        return self.settle()

    def run(self, stop: threading.Event, *, until_empty: bool = False) -> None:
        """Send until `stop` is set, or until the outbox is empty; then finish what is on its way."""
        while not stop.is_set() and not (until_empty and self.outbox.depth() == 0):
            if not self.pump():
                stop.wait(IDLE_SECONDS)
        self.close()

    def send(self) -> None:
        """Hand the next messages to librdkafka, as many as the window has room for."""
        if self.session is None:
            if time.monotonic() < self._retry_at:
                return
            self.session = self._begin()
            self._handed_over = 0
        if self._renewing():
            return
        room = WINDOW - self.session.in_flight
        for row in self.outbox.pending(room, after=self._handed_over) if room > 0 else ():
            try:
                self.session.send(row.id, self._seal(row))
            except BufferError:
                return
            if self.session.failure:
                return
            self._handed_over = row.id

    def settle(self, timeout_seconds: float = 0) -> int:
        """Take librdkafka's reports, mark what was acknowledged, and begin again where something failed."""
        session = self.session
        if session is None:
            return 0
        session.poll(timeout_seconds)
        marked = self._mark(session)
        if session.failure:
            # The last reports belong to the failure, too.
            session.close()
            marked += self._mark(session)
            self._end(session.failure)
        elif marked:
            self._back_off_seconds = FIRST_BACK_OFF_SECONDS
        if self._successor:
            self._hand_over(session, self._successor)
        return marked

    def close(self, timeout_seconds: float = 10) -> None:
        """Wait for what is on its way and mark it. What has no report by then stays in the outbox."""
        try:
            if self.session:
                self.session.finish(timeout_seconds)
                self._mark(self.session)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go at once, as a kill would: nothing more is marked."""
        for session in (self.session, self._successor):
            if session:
                session.close()
        self.session = self._successor = None
        self._lock.close()

    def _begin(self) -> Session:
        """A producer with the log-in as its files are now. Raises SenderError where they cannot be used."""
        self._watch.note()
        try:
            ends = not_after_seconds(self._settings)
            session = Session(self._settings, self._metrics, self.outbox.store_id)
        except (KafkaException, TillstreamError) as error:
            raise SenderError(
                f"The log-in of store {self.outbox.store_id} cannot be used: {_text(error)}. Nothing was sent, all is "
                f"in {self.outbox.path}. Check the files of TILLSTREAM_KAFKA_LOGIN, then start the sender again."
            ) from error
        if ends is not None:
            self._metrics.certificate_not_after.labels(self.outbox.store_id).set(ends)
        return session

    def _renewing(self) -> bool:
        """Look for a replaced log-in, and make its producer. True while the old one brings home what it has."""
        if self._successor is None and self._watch.changed():
            try:
                self._successor = self._begin()
            except SenderError as error:
                # A certificate that stands there before its key, for example: the next look finds both.
                self._watch.forget()
                LOG.warning("store %s keeps its old log-in for now: %s", self.outbox.store_id, error)
            self._hand_over_until = time.monotonic() + HAND_OVER_SECONDS
        return self._successor is not None

    def _hand_over(self, old: Session, successor: Session) -> None:
        """Go on with the new producer once the old one has nothing on its way, or can bring none of it home."""
        late = time.monotonic() > self._hand_over_until
        if self.session is old and old.in_flight and not late:
            return
        if self.session is old:
            old.close()
            self._mark(old)
            if late:
                self._handed_over = 0
        else:
            # It failed meanwhile, and was let go of.
            self._handed_over = 0
        self.session, self._successor = successor, None
        LOG.info("store %s goes on with its new log-in", self.outbox.store_id)

    def _mark(self, session: Session) -> int:
        acknowledged = session.acknowledged
        if acknowledged:
            self.outbox.mark_sent(row_id for row_id, _ in acknowledged)
            # After, so that a disk that fails now leaves them to be marked by the next look.
            session.acknowledged = []
            for topic, count in Counter(topic for _, topic in acknowledged).items():
                self._metrics.sent.labels(self.outbox.store_id, topic).inc(count)
        return len(acknowledged)

    def _end(self, error: KafkaError) -> None:
        """Give a broken producer up. The next one begins at the oldest message that is not marked, so order is kept."""
        self.session = None
        # With another log-in at hand the refusal may be of the old one only.
        if error.code() in REFUSALS and self._successor is None:
            raise SenderError(
                f"Kafka refuses store {self.outbox.store_id} ({error.name()}: {error.str()}): {REFUSALS[error.code()]}."
                f" {self.outbox.depth()} messages are safe in {self.outbox.path}. Then start the sender again."
            )
        LOG.warning(
            "store %s: %s (%s); a new producer in %.1f s begins at the oldest unsent message",
            *(self.outbox.store_id, error.name(), error.str(), self._back_off_seconds),
        )
        self._retry_at = time.monotonic() + self._back_off_seconds
        self._back_off_seconds = min(2 * self._back_off_seconds, LONGEST_BACK_OFF_SECONDS)


def _text(error: Exception) -> str:
    return str(error.args[0].str() if isinstance(error, KafkaException) else error).rstrip(".")


def _sole_sender(outbox: Outbox) -> Any:  # noqa: ANN401 - an open file
    """Two senders would overtake each other; the lock goes when its process goes."""
    path = outbox.path.with_name(f"{outbox.path.name}.sender")
    lock = open(path, "a", opener=partial(os.open, mode=0o600))  # noqa: SIM115 - Path.open has no opener
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise SenderError(
            f"Another sender is at work on {outbox.path}. This one sent nothing. Leave it to the other, or stop that."
        ) from error
    return lock
