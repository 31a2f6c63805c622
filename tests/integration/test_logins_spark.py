"""Spark's Kafka source by every log-in that Spark has, and what it says to wrong ones; one session for all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.authority import Authority
from local.aws.issuer import Issuer
from local.submission import spark_jars
from stores.files import write_private
from tests.support.clients import deliver
from tests.support.ways_in import SECRET_KEY, TOPIC, WaysIn

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

# A JVM that lives for seconds does not earn back what the optimising compiler costs.
FAST = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"
WAYS = ("mtls", "scram", "oauthbearer", "iam")
# What is wrong, and what of it stands in Spark's error.
WRONG = {
    "revoked": "TopicAuthorizationException",
    "password": "invalid credentials with SASL mechanism SCRAM-SHA-512",
    "token": "invalid_token",
    "name": "No subject alternative names matching IP address 127.0.0.1 found",
    "authority": "Signature does not match",
}
# Reads the topic once by every set of variables it is given; prints how many messages it saw, or why none.
READER = """
import json, os, sys
from pyspark.sql import SparkSession
from topics.settings import KafkaSettings
given = json.load(sys.stdin)
builder = SparkSession.builder.master("local[1]").config("spark.jars", given["jars"])
quiet = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
for name, value in {**quiet, "spark.sql.shuffle.partitions": "1"}.items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("OFF")
results = {}
for name, environ in given["environments"].items():
    options = KafkaSettings.from_env(os.environ | environ).spark()
    options |= {"kafka.default.api.timeout.ms": "90000", "kafka.request.timeout.ms": "60000"}
    try:
        results[name] = spark.read.format("kafka").options(**options, subscribe=given["topic"]).load().count()
    except Exception as error:
        results[name] = str(error)
print(json.dumps(results))
spark.stop()
"""


def test_spark_logs_in(ways_in: WaysIn, tmp_path: Path):
    """Spark reads by certificate, password, token and IAM; a wrong one of each is refused with its reason."""
    assert deliver(ways_in.settings("mtls"), TOPIC) is None
    right = {way: ways_in.environment(way) for way in WAYS}
    forged = Issuer(tmp_path / "issuer").mint("spark-ingest", audience="kafka")
    other = ways_in.kafka.broker.authority.issue_store("330", 9)
    password, token = write_private(tmp_path / "password", "wrong-password"), write_private(tmp_path / "token", forged)
    stranger = Authority.create(tmp_path / "ca")
    wrong = {
        # Known to the authority, and without a right: as a revoked one.
        "revoked": right["mtls"]
        | {"TILLSTREAM_KAFKA_CERT_FILE": str(other.certificate_file), "TILLSTREAM_KAFKA_KEY_FILE": str(other.key_file)},
        "password": right["scram"] | {"TILLSTREAM_KAFKA_PASSWORD_FILE": str(password)},
        "token": right["oauthbearer"] | {"TILLSTREAM_KAFKA_TOKEN_FILE": str(token)},
        "name": right["scram"] | {"TILLSTREAM_KAFKA_BOOTSTRAP": ways_in.settings("elsewhere").bootstrap},
        "authority": right["iam"] | {"TILLSTREAM_KAFKA_CA_FILE": str(stranger.certificate_file)},
    }
    given = {"jars": ",".join(map(str, spark_jars())), "topic": TOPIC, "environments": right | wrong}
    done = subprocess.run(
        [sys.executable, "-c", READER],
        input=json.dumps(given),
        env=os.environ | {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1", "JAVA_TOOL_OPTIONS": FAST},
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    counts = {seen.pop(way) for way in WAYS}
    assert len(counts) == 1
    assert counts.pop() >= 1
    assert seen.keys() == WRONG.keys()
    for name, says in WRONG.items():
        assert says in seen[name], name
    secrets = [token.read_text(), ways_in.token_file("good").read_text(), SECRET_KEY, "wrong-password"]
    secrets.append(ways_in.kafka.broker.password_file("spark-ingest").read_text())
    assert not [secret for secret in secrets if secret in done.stdout + done.stderr]
