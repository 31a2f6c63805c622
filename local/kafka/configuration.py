"""The broker's own configuration, as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True)
class Ports:
    """Where the broker listens, on loopback."""

    stores: int
    workloads: int
    controller: int


@dataclass(frozen=True)
class Listener:
    """One more way in, by SASL over TLS; `settings` are the listener's own, and `jvm` are what its log-in needs."""

    name: str
    port: int
    mechanism: str
    settings: Mapping[str, str]
    jvm: Mapping[str, str] = field(default_factory=dict)


def server_properties(
    ports: Ports,
    *,
    data: Path,
    keystore: Path,
    truststore: Path,
    superusers: Sequence[str],
    more: Sequence[Listener] = (),
) -> str:
    """One node that is broker and controller. It holds no secret: the key stands in `keystore`. `superusers` are the
    subjects of certificates.

    Stores log in by certificate and workloads by SCRAM over TLS. The node talks to itself by its own certificate,
    so nothing here listens in the clear.
    """
    scram = "listener.name.workloads."
    addresses = {"STORES": ports.stores, "WORKLOADS": ports.workloads, **{each.name: each.port for each in more}}
    advertised = ",".join(f"{name}://127.0.0.1:{port}" for name, port in addresses.items())
    protocols = {"STORES": "SSL", "WORKLOADS": "SASL_SSL", "CONTROLLER": "SSL"}
    protocols |= {each.name: "SASL_SSL" for each in more}
    return _properties(
        {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{ports.controller}",
            "log.dirs": str(data),
            "listeners": f"{advertised},CONTROLLER://127.0.0.1:{ports.controller}",
            "advertised.listeners": advertised,
            "listener.security.protocol.map": ",".join(f"{name}:{each}" for name, each in protocols.items()),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "STORES",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(truststore),
            # No ssl.principal.mapping.rules: MSK cannot set them, so principals are full names here, too.
            "listener.name.stores.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            scram + "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            scram
            + "scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": ";".join(f"User:{each}" for each in superusers),
            "auto.create.topics.enable": "false",
            # One node keeps one copy of everything.
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "group.initial.rebalance.delay.ms": "0",
            **{
                f"listener.name.{each.name.lower()}.{name}": value
                for each in more
                for name, value in {"sasl.enabled.mechanisms": each.mechanism, **each.settings}.items()
            },
        }
    )


def log4j_properties() -> str:
    """Warnings, and what the broker says about itself, to standard output, which goes to the log file."""
    return _properties(
        {
            "status": "error",
            "appender.console.type": "Console",
            "appender.console.name": "console",
            "appender.console.layout.type": "PatternLayout",
            "appender.console.layout.pattern": "%d{yyyy-MM-dd HH:mm:ss,SSS} %p %c{1} %m%n",
            "rootLogger.level": "warn",
            "rootLogger.appenderRef.console.ref": "console",
            "logger.server.name": "kafka.server.KafkaRaftServer",
            "logger.server.level": "info",
            # Denied requests, one line each.
            "logger.authorizer.name": "kafka.authorizer.logger",
            "logger.authorizer.level": "info",
        }
    )


def _properties(values: dict[str, str]) -> str:
    # Backslashes are the format's escape character; nothing else in these values needs care.
    return "".join(f"{name}={value.replace(chr(92), chr(92) * 2)}\n" for name, value in values.items())
