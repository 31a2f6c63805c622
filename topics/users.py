"""The workloads' own users, where Kafka keeps them itself: on Strimzi and on one machine, by SCRAM. MSK has IAM."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from contracts import Contract
from contracts.model import Access
from topics.apply import apply_plan
from topics.desired import ADMINISTRATOR, STORES, administrator_acls
from topics.errors import TopicsError
from topics.logins import Secret
from topics.plan import Plan

TOPIC_ACCESSES: tuple[Access, ...] = ("produce", "consume", "describe")
# What Kafka itself takes by default.
ITERATIONS = 4096
TIMEOUT_SECONDS = 60.0


def users_of(contracts: Iterable[Contract]) -> frozenset[str]:
    """Every workload that logs in to Kafka: those a contract lets near its topic, and the keeper of the topics."""
    named = {role for each in contracts for access in TOPIC_ACCESSES for role in each.who_may(access)}
    return frozenset(named - {STORES} | {ADMINISTRATOR})


def read_passwords(directory: Path, users: Iterable[str]) -> dict[str, Secret]:
    """By user, the file in `directory` that is called so. Raise TopicsError where one is missing or nobody's."""
    # Kubernetes keeps the versions of a mounted secret in hidden folders beside them.
    found = {file.name for file in directory.iterdir() if not file.name.startswith(".")}
    wanted = set(users)
    if found != wanted:
        reasons = [f"there is none of {name}" for name in sorted(wanted - found)]
        reasons += [f"{name} is no workload that logs in to Kafka" for name in sorted(found - wanted)]
        raise TopicsError(
            f"The passwords in {directory} cannot be used: {'; '.join(reasons)}. Nothing was changed; the folder holds "
            "one file a user, called as it is."
        )
    return {name: Secret(file=directory / name) for name in sorted(wanted)}


def set_users(admin: AdminClient, passwords: Mapping[str, Secret]) -> None:
    """Make each user, or give it this password, and let `topics` do the rest: it can then make topics and ACLs.

    It may be repeated. Whoever is connected stays connected; a new password counts from the next log-in on.
    """
    mechanism = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    upsertions: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(name, mechanism, password.read(f"password of {name}").encode())
        for name, password in passwords.items()
    ]
    for name, future in admin.alter_user_scram_credentials(upsertions).items():
        try:
            future.result(TIMEOUT_SECONDS)
        except (KafkaException, TimeoutError) as error:
            raise TopicsError(
                f"The user {name} could not be made: {error}. Other users may have been; type it again. It needs the "
                "log-in of an administrator, who may alter the cluster."
            ) from error
    apply_plan(admin, Plan(add_acls=tuple(administrator_acls())))
