"""A real Kafka broker on one machine, with the listeners, log-ins and ACLs of the cloud."""

from local.kafka.broker import Broker, BrokerError

__all__ = ["Broker", "BrokerError"]
