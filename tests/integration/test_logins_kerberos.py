"""Stores by Kerberos, on a real KDC; the client is built against Debian's librdkafka, as the wheels have no GSSAPI."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from local.environment import ROOT
from stores.files import write_private
from tests.support.clock import clock_off
from tests.support.kdc import Kdc
from tests.support.ways_in import TOPIC, WaysIn
from topics.logins import Kerberos
from topics.settings import KafkaSettings

pytestmark = pytest.mark.integration

PYTHON = ROOT / ".tools" / "kerberos" / "bin" / "python"
# Sends one message by the configuration it is given; prints what came of it, or the first error.
CLIENT = """
import json, sys
from confluent_kafka import Producer
given, seen = json.load(sys.stdin), []
producer = Producer({**given["client"], "error_cb": lambda error: seen.append(error.str())})
producer.produce(given["topic"], b"{}", on_delivery=lambda error, _: seen.append(error.name() if error else "written"))
while not seen:
    producer.poll(1)
print(json.dumps(seen[:1]))
producer.purge()
"""


@pytest.fixture(scope="module")
def kdc(ways_in: WaysIn) -> Kdc:
    """The KDC that the broker trusts. Skips, visibly, where Kerberos is not installed or its client cannot be built."""
    if ways_in.kdc is None:
        pytest.skip(str(Kdc.missing()))
    built = subprocess.run([ROOT / "local" / "setup" / "kerberos"], capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(built.stderr)
    return ways_in.kdc


def send(ways: WaysIn, kdc: Kdc, tmp_path: Path, login: Kerberos, **environment: str) -> str:
    """What a person sees who sends one message: the client's errors, and what kinit writes."""
    settings = KafkaSettings(f"127.0.0.1:{ways.ports['kerberos']}", login, ways.authority.certificate_file)
    tickets = {"KRB5_CONFIG": str(kdc.configuration), "KRB5CCNAME": f"FILE:{tmp_path}/tickets"}
    done = subprocess.run(
        [PYTHON, "-c", CLIENT],
        input=json.dumps({"client": settings.librdkafka(), "topic": TOPIC}),
        env=os.environ | tickets | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def store(kdc: Kdc) -> Kerberos:
    return Kerberos(*kdc.principal("store-330.g1"))


def test_ticket_lets_a_store_write(ways_in: WaysIn, kdc: Kdc, store: Kerberos, tmp_path: Path):
    """A store logs in by its keytab and writes; one without an ACL logs in and may not."""
    assert '["written"]' in send(ways_in, kdc, tmp_path, store)
    other = Kerberos(*kdc.principal("store-330.g2"))
    assert "TOPIC_AUTHORIZATION_FAILED" in send(ways_in, kdc, tmp_path, other)


def test_wrong_tickets_are_refused(ways_in: WaysIn, kdc: Kdc, store: Kerberos, tmp_path: Path):
    """Another's keytab, a locked principal, a service that does not exist: each is refused with its own reason."""
    name, keytab = kdc.principal("store-331.g1")
    stolen = send(ways_in, kdc, tmp_path, Kerberos(store.principal, keytab))
    assert "Keytab contains no suitable keys for store-330.g1" in stolen
    kdc.lock("store-331.g1")
    assert "Client's credentials have been revoked" in send(ways_in, kdc, tmp_path, Kerberos(name, keytab))
    unknown = send(ways_in, kdc, tmp_path, Kerberos(store.principal, store.keytab_file, "kafkaesque"))
    assert "Server kafkaesque/127.0.0.1@TILLSTREAM.INVALID not found in Kerberos database" in unknown
    assert '["written"]' in send(ways_in, kdc, tmp_path, store)


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_clock_an_hour_off(ways_in: WaysIn, kdc: Kdc, store: Kerberos, tmp_path: Path, seconds: int):
    """MIT's client goes by the KDC's clock, and writes with its own an hour off; told not to, it is refused for it."""
    off = clock_off(seconds, tmp_path)
    assert '["written"]' in send(ways_in, kdc, tmp_path, store, **off)
    strict = kdc.configuration.read_text().replace("[libdefaults]\n", "[libdefaults]\n kdc_timesync = 0\n")
    off["KRB5_CONFIG"] = str(write_private(tmp_path / "krb5.conf", strict))
    refused = send(ways_in, kdc, tmp_path, store, **off)
    assert ("Clock skew too great" if seconds > 0 else "Ticket not yet valid") in refused
