"""Is every part of the running stack well? Asked from outside, as any client would."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import jwt
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from local.airflow.client import AirflowClient
from local.applications import ApplicationError, Applications
from local.aws.emulator import HEALTH
from local.environment import Part, Platform
from local.lifecycle import State
from local.monitoring.notifications import told
from local.monitoring.prometheus import query
from orchestration.manifests import streams
from topics.settings import KafkaSettings

# A busy machine takes a while to greet; what does not run refuses at once.
TIMEOUT_SECONDS = 20
# After so long without the watchdog, the alarm outside the cluster goes off (terraform/modules/paging).
WATCHDOG_SECONDS = 300
Check = Callable[[Platform, Part], tuple[bool, str]]


@dataclass(frozen=True)
class Health:
    name: str
    address: str
    healthy: bool
    says: str


def examine(platform: Platform) -> list[Health]:
    """Ask every part; what cannot answer says why."""
    checks = {
        "emulated AWS": _aws,
        "Kafka broker": _kafka,
        "workload tokens": _tokens,
        "Airflow": _airflow,
        "lake exporter": _answers("/metrics"),
        "Prometheus": _prometheus,
        "dashboards": _answers(),
        "Alertmanager": _answers("/-/ready"),
        "notifications": _notifications,
    }
    found = []
    for part in platform.parts:
        healthy, says = checks.get(part.name, _application)(platform, part)
        found.append(Health(part.name, part.address, healthy, says))
    return found


def _aws(platform: Platform, part: Part) -> tuple[bool, str]:
    trust = ssl.create_default_context(cafile=platform.workloads["quality"]["AWS_CA_BUNDLE"])
    try:
        httpx.get(part.address + HEALTH, verify=trust, trust_env=False, timeout=TIMEOUT_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        return False, f"does not answer: {error}"
    return True, "answers"


def _kafka(platform: Platform, _: Part) -> tuple[bool, str]:
    settings = KafkaSettings.from_env(platform.workloads["quality"]).librdkafka()
    try:
        topics = AdminClient({**settings, "log_level": 0}).list_topics(timeout=TIMEOUT_SECONDS).topics
    except KafkaException as error:
        return False, f"does not answer: {error}"
    return True, f"answers; {len([name for name in topics if not name.startswith('_')])} topics"


def _tokens(platform: Platform, _: Part) -> tuple[bool, str]:
    variable, expired = "AWS_WEB_IDENTITY_TOKEN_FILE", []
    files = {name: Path(each[variable]) for name, each in platform.workloads.items() if variable in each}
    for workload, file in files.items():
        token = file.read_text()
        try:
            jwt.decode(token, options={"verify_signature": False, "verify_exp": True, "verify_aud": False})
        except jwt.ExpiredSignatureError:
            expired.append(workload)
    if expired:
        return False, f"expired: {', '.join(expired)}"
    return True, f"fresh for {', '.join(files)}"


def _airflow(_: Platform, part: Part) -> tuple[bool, str]:
    try:
        with AirflowClient(part.address) as client:
            states = client.health()
    except httpx.HTTPError as error:
        return False, f"does not answer: {error}"
    sick = [f"{name} {state}" for name, state in sorted(states.items()) if state != "healthy"]
    return not sick, ", ".join(sick) or "answers; scheduler, DAG processor and triggerer are healthy"


def _answers(path: str = "") -> Check:
    def check(_: Platform, part: Part) -> tuple[bool, str]:
        try:
            httpx.get(part.address + path, trust_env=False, timeout=TIMEOUT_SECONDS).raise_for_status()
        except httpx.HTTPError as error:
            return False, f"does not answer: {error}"
        return True, "answers"

    return check


def _prometheus(_: Platform, part: Part) -> tuple[bool, str]:
    """It is well when all that it scrapes is."""
    try:
        answered = {
            f"{each['metric']['job']} {each['metric']['instance']}": each["value"][1] == "1"
            for each in query(part.address, "up")
        }
    except httpx.HTTPError as error:
        return False, f"does not answer: {error}"
    silent = sorted(name for name, up in answered.items() if not up)
    if silent:
        return False, f"gets no answer from {', '.join(silent)}"
    return True, f"answers; {len(answered)} targets answer it"


def _notifications(_: Platform, part: Part) -> tuple[bool, str]:
    """The watchdog speaks through all of alerting; its silence is what an alarm outside would hear."""
    lines = told(Path(part.address))
    newest = max((line["time"] for line in lines if line["receiver"] == "watchdog"), default=None)
    if newest is None:
        return False, "the watchdog has not spoken yet"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(newest)).total_seconds()
    return seconds < WATCHDOG_SECONDS, f"the watchdog spoke {seconds:.0f} s ago"


def _application(platform: Platform, part: Part) -> tuple[bool, str]:
    try:
        state = Applications(Path(platform.directory) / "applications").state(part.name)
    except ApplicationError as error:
        return False, str(error)
    # A stream is there to run; a batch job rests until somebody wants it.
    rests = part.name not in {stream.name for stream in streams()}
    well = {State.RUNNING, State.COMPLETED} | ({State.SUSPENDED} if rests else set())
    return state in well, state or "NEW"
