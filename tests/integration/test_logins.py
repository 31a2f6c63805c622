"""Every way into Kafka, each beside its wrong cases and the error that a person sees; one broker for all of them."""

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer

from local.authority import Authority, Identity
from local.aws.issuer import Issuer
from stores.files import write_private
from tests.support.clients import deliver, first_error, read
from tests.support.clock import clock_off
from tests.support.waiting import wait_for
from tests.support.ways_in import DAY, REGION, SECRET_KEY, TOPIC, WaysIn
from topics.connection import connect
from topics.errors import SettingsError, TopicsError
from topics.logins import Iam, Login, Mtls, OAuthBearer, Scram, Secret

pytestmark = pytest.mark.integration

WAYS = ("mtls", "scram", "oauthbearer", "iam")
# Logs in by every set of variables it is given, and prints what each came to.
CLIENT = """
import json, sys
from contracts.errors import TillstreamError
from topics.connection import connect
from topics.settings import KafkaSettings
results = {}
for way, environ in json.load(sys.stdin).items():
    try:
        connect(KafkaSettings.from_env(environ))
        results[way] = "let in"
    except TillstreamError as error:
        results[way] = str(error)
print(json.dumps(results))
"""


def by(identity: Identity) -> Mtls:
    return Mtls(identity.certificate_file, identity.key_file)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def forged_token(ways: WaysIn) -> OAuthBearer:
    """A token of an issuer that the broker does not know."""
    token = Issuer(ways.directory / "other-issuer").mint("spark-ingest", audience="kafka")
    return OAuthBearer(write_private(ways.directory / "tokens" / "forged", token))


# What is wrong, by which way it comes, what makes it, what the person reads.
WRONG: dict[str, tuple[str, Callable[[WaysIn], Login | None], str]] = {
    "unknown authority": (
        "mtls",
        lambda ways: by(Authority.create(ways.directory / "other-ca").issue_store("330", 1)),
        "alert certificate unknown",
    ),
    "expired certificate": (
        "mtls",
        lambda ways: by(ways.authority.issue_store("330", 3, starts=now() - 2 * DAY, lifetime=DAY)),
        "alert certificate unknown",
    ),
    "certificate of tomorrow": (
        "mtls",
        lambda ways: by(ways.authority.issue_store("330", 4, starts=now() + DAY)),
        "alert certificate unknown",
    ),
    "wrong password": ("scram", lambda _: Scram("spark-ingest", Secret(value="wrong")), "Authentication failed"),
    "unknown user": ("scram", lambda _: Scram("nobody", Secret(value="wrong")), "Authentication failed"),
    "broker of another name": ("elsewhere", lambda _: None, "certificate verify failed"),
    "broker's certificate expired": ("outdated", lambda _: None, "certificate verify failed"),
    "forged token": ("oauthbearer", forged_token, "invalid_token"),
    "token for somebody else": (
        "oauthbearer",
        lambda ways: OAuthBearer(ways.token_file("audience", audience="sts.amazonaws.com")),
        "invalid_token",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_right_log_in_writes_and_reads(ways_in: WaysIn, way: str):
    """Each way in leads to a client that writes and reads."""
    assert deliver(ways_in.settings(way), TOPIC) is None
    assert read(ways_in.settings(way), TOPIC, group="anything") is None


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_log_in_is_refused(ways_in: WaysIn, wrong: str):
    """Each wrong log-in is refused at once with its own reason; with the right one the same client is let in."""
    way, login, says = WRONG[wrong]
    with pytest.raises(TopicsError, match=says) as refused:
        connect(ways_in.settings(way, login(ways_in)), timeout_seconds=60)
    assert "check TILLSTREAM_KAFKA_LOGIN" in str(refused.value)
    right = {"elsewhere": "scram", "outdated": "scram"}.get(way, way)
    connect(ways_in.settings(right))


def test_key_of_another_certificate_is_refused(ways_in: WaysIn):
    """A key that does not fit the certificate is refused before anything is sent."""
    first, second = (ways_in.authority.issue_store("330", generation) for generation in (5, 6))
    with pytest.raises(TopicsError, match="key values mismatch"):
        connect(ways_in.settings("mtls", Mtls(first.certificate_file, second.key_file)))
    connect(ways_in.settings("mtls"))


def test_expired_token_is_refused_before_it_is_sent(ways_in: WaysIn):
    """An expired token, and a file that holds none, are refused by the client, which says since when, and no secret."""
    expired = ways_in.token_file("expired", lifetime_seconds=-60)
    with pytest.raises(SettingsError, match=r"expired at .* UTC; it is .* UTC here") as refused:
        connect(ways_in.settings("oauthbearer", OAuthBearer(expired)))
    assert expired.read_text() not in str(refused.value)
    junk = write_private(ways_in.directory / "tokens" / "junk", "hush")
    with pytest.raises(SettingsError, match="holds no JWT") as refused:
        connect(ways_in.settings("oauthbearer", OAuthBearer(junk)))
    assert "hush" not in str(refused.value)


def test_token_file_is_read_again(ways_in: WaysIn):
    """A client that lives longer than its token logs in again by the file's new one, and by none once it is gone."""
    file = ways_in.token_file("renewed", lifetime_seconds=10)
    tokens: list[str] = []
    settings = ways_in.settings("oauthbearer", OAuthBearer(file))

    def asked(_: str) -> tuple[str, float]:
        tokens.append(OAuthBearer(file).token()[0])
        return OAuthBearer(file).token()

    producer = Producer({**settings.librdkafka(), "oauth_cb": asked, "log_level": 0})
    replaced = ways_in.token_file("renewed", lifetime_seconds=1800).read_text()

    def renewed() -> bool:
        producer.poll(0.1)
        return replaced in tokens

    wait_for(renewed, 60, "the new token")
    producer.produce(TOPIC, b"{}")
    assert producer.flush(60) == 0


@pytest.mark.parametrize(
    ("variable", "says"),
    [("AWS_SECRET_ACCESS_KEY", "the signature is wrong"), ("AWS_ACCESS_KEY_ID", "the access key is unknown")],
)
def test_iam_token_is_really_verified(ways_in: WaysIn, monkeypatch: pytest.MonkeyPatch, variable: str, says: str):
    """A token signed with another secret, or of an unknown key, is refused by the broker, which computes it again."""
    connect(ways_in.settings("iam"))
    monkeypatch.setenv(variable, "other")
    with pytest.raises(TopicsError, match=says) as refused:
        connect(ways_in.settings("iam"))
    assert SECRET_KEY not in str(refused.value)


def test_without_credentials_iam_says_so(ways_in: WaysIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Where AWS's chain finds no credentials, the client is not made and the role is what it asks for."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(SettingsError, match=r"AWS's chain finds none.*AWS_ROLE_ARN"):
        connect(ways_in.settings("iam", Iam(REGION)))


def clients_at(offset_seconds: int, ways: WaysIn) -> dict[str, str]:
    """What clients see whose machine's clock is off."""
    environments = {way: ways.environment(way) | {"AWS_REGION": REGION} for way in WAYS}
    done = subprocess.run(
        [sys.executable, "-c", CLIENT],
        input=json.dumps(environments),
        env=os.environ | clock_off(offset_seconds, ways.directory),
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_clock_an_hour_ahead(ways_in: WaysIn):
    """A client an hour ahead logs in by certificate and password; tokens are expired for it, or of the future."""
    seen = clients_at(3600, ways_in)
    assert seen["mtls"] == seen["scram"] == "let in"
    assert "expired at" in seen["oauthbearer"]
    assert "this machine's clock" in seen["oauthbearer"]
    assert "signed in the future; set the client's clock" in seen["iam"]


def test_clock_an_hour_behind(ways_in: WaysIn):
    """A client an hour behind logs in by all but IAM, whose token has expired when it comes."""
    seen = clients_at(-3600, ways_in)
    assert seen["mtls"] == seen["scram"] == seen["oauthbearer"] == "let in"
    assert "expired; renew it, or set the client's clock" in seen["iam"]


def test_wrong_authority_of_the_client(ways_in: WaysIn):
    """By every way in, a client that trusts another authority talks to no broker, and is sent no secret."""
    other = Authority.create(ways_in.directory / "other-ca").certificate_file
    for way in WAYS:
        mistaken = {**ways_in.settings(way).librdkafka(), "ssl.ca.location": str(other)}
        # Its code is that of the connection where the client saw it go first.
        assert first_error(mistaken, "certificate verify failed") is not None, way
