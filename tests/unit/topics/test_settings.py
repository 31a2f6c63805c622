"""Kafka's settings, from the environment to what librdkafka and Java's client are told."""

import base64
import json
import time
from pathlib import Path

import pytest

from topics.errors import SettingsError
from topics.logins import Iam, Kerberos, Mtls, OAuthBearer, Scram, Secret, jaas_quoted
from topics.settings import KafkaSettings


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    contents = {"CA_FILE": "CA", "CERT_FILE": "CERT", "KEY_FILE": "KEY", "TOKEN_FILE": "T", "KEYTAB_FILE": "K"}
    contents["PASSWORD_FILE"] = 'hush"; quiet\\\n'
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return {f"TILLSTREAM_KAFKA_{name}": str(tmp_path / name) for name in contents}


def scram(files: dict[str, str], **changes: str) -> dict[str, str]:
    return {
        **files,
        "TILLSTREAM_KAFKA_BOOTSTRAP": "a:9096,b:9096",
        "TILLSTREAM_KAFKA_LOGIN": "scram",
        "TILLSTREAM_KAFKA_USERNAME": "quality",
        **{f"TILLSTREAM_KAFKA_{name}": value for name, value in changes.items()},
    }


def test_scram_for_librdkafka(files: dict[str, str]):
    """A SCRAM log-in gives librdkafka the password of the file, without the newline at its end."""
    settings = KafkaSettings.from_env(scram(files))
    assert settings.librdkafka() == {
        "bootstrap.servers": "a:9096,b:9096",
        "ssl.ca.location": files["TILLSTREAM_KAFKA_CA_FILE"],
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "quality",
        "sasl.password": 'hush"; quiet\\',
    }


def test_scram_for_spark(files: dict[str, str]):
    """A SCRAM log-in gives Spark a JAAS line that a quote in the password cannot break out of."""
    assert KafkaSettings.from_env(scram(files)).spark() == {
        "kafka.bootstrap.servers": "a:9096,b:9096",
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.truststore.location": files["TILLSTREAM_KAFKA_CA_FILE"],
        "kafka.security.protocol": "SASL_SSL",
        "kafka.sasl.mechanism": "SCRAM-SHA-512",
        "kafka.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
        'username="quality" password="hush\\"; quiet\\\\";',
    }


def test_certificate_log_in(files: dict[str, str]):
    """A certificate log-in names the files to librdkafka, and gives Java their text."""
    settings = KafkaSettings.from_env(scram(files, LOGIN="mtls"))
    assert isinstance(settings.login, Mtls)
    assert settings.librdkafka()["ssl.key.location"] == files["TILLSTREAM_KAFKA_KEY_FILE"]
    assert settings.librdkafka()["ssl.certificate.location"] == files["TILLSTREAM_KAFKA_CERT_FILE"]
    spark = settings.spark()
    assert (spark["kafka.ssl.keystore.certificate.chain"], spark["kafka.ssl.keystore.key"]) == ("CERT", "KEY")


def test_password_is_read_anew(files: dict[str, str]):
    """A password that was replaced counts from the next client on."""
    settings = KafkaSettings.from_env(scram(files))
    Path(files["TILLSTREAM_KAFKA_PASSWORD_FILE"]).write_text("rotated")
    assert settings.librdkafka()["sasl.password"] == "rotated"


def test_settings_show_no_secret(files: dict[str, str]):
    """Printed settings name the password's file, and not the password."""
    settings = KafkaSettings.from_env(scram(files))
    assert "PASSWORD_FILE" in repr(settings)
    assert "hush" not in repr(settings)


def test_all_faults_at_once(files: dict[str, str]):
    """Every missing or wrong variable is named in one message."""
    broken = scram(files, BOOTSTRAP="nowhere", USERNAME="", PASSWORD_FILE="/no/such/file", CA_FILE="/nor/this")
    with pytest.raises(SettingsError) as error:
        KafkaSettings.from_env(broken)
    for fault in ("'nowhere', not host:port", "USERNAME is not set", "/no/such/file", "/nor/this"):
        assert fault in str(error.value)


def test_unknown_log_in(files: dict[str, str]):
    """A log-in that does not exist is refused with the names of those that do."""
    with pytest.raises(SettingsError, match="'plain', not one of mtls, scram, oauthbearer, iam, kerberos"):
        KafkaSettings.from_env(scram(files, LOGIN="plain"))


def test_nothing_set():
    """An empty environment is refused with the variables that every log-in needs."""
    with pytest.raises(SettingsError, match=r"BOOTSTRAP is not set.*LOGIN is not set"):
        KafkaSettings.from_env({})


def test_without_an_authority_of_its_own(files: dict[str, str]):
    """Without a CA file the machine's own authorities are trusted."""
    settings = KafkaSettings.from_env(scram(files, CA_FILE=""))
    assert not [
        name for name in (*settings.librdkafka(), *settings.spark()) if "ca.location" in name or "trust" in name
    ]


def test_empty_password(tmp_path: Path):
    """An empty password file is refused before a client tries it."""
    (tmp_path / "password").write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        Scram("quality", Secret(tmp_path / "password")).librdkafka()


def test_control_characters_in_jaas():
    """A line break, which would end a JAAS string, is refused."""
    with pytest.raises(SettingsError, match="control character"):
        jaas_quoted("two\nlines")


def test_password_from_the_environment(files: dict[str, str]):
    """A password may come as a variable, as it is; it is not shown, and not together with a file."""
    by_variable = {**scram(files), "TILLSTREAM_KAFKA_PASSWORD": " hush "}
    with pytest.raises(SettingsError, match=r"both TILLSTREAM_KAFKA_PASSWORD and .*_FILE are set; keep one"):
        KafkaSettings.from_env(by_variable)
    del by_variable["TILLSTREAM_KAFKA_PASSWORD_FILE"]
    settings = KafkaSettings.from_env(by_variable)
    assert settings.librdkafka()["sasl.password"] == " hush "
    assert "hush" not in repr(settings)
    assert settings.files() == (Path(files["TILLSTREAM_KAFKA_CA_FILE"]),)


def token(seconds: float) -> str:
    body = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + seconds}).encode()).decode().rstrip("=")
    return f"head.{body}.signature"


def test_token_log_in(files: dict[str, str]):
    """A token log-in reads its file whenever it is asked, and gives Java the handler that does so, too."""
    settings = KafkaSettings.from_env(scram(files, LOGIN="oauthbearer"))
    file = Path(files["TILLSTREAM_KAFKA_TOKEN_FILE"])
    assert settings.login == OAuthBearer(file)
    file.write_text(token(100))
    ask = settings.librdkafka()["oauth_cb"]
    file.write_text(token(200))
    assert ask("")[0] == file.read_text()
    assert settings.spark()["kafka.sasl.login.callback.handler.class"] == "tillstream.TokenFileLogin"
    assert file.read_text() not in str(settings.spark())


@pytest.mark.parametrize("text", ["", "hush", "a.hush.c", "a.e30.c", token(-1)], ids=range(5))
def test_no_token(files: dict[str, str], text: str):
    """A file without a token that is still valid is refused before a client tries it, and not quoted."""
    Path(files["TILLSTREAM_KAFKA_TOKEN_FILE"]).write_text(text)
    with pytest.raises(SettingsError, match=r"holds no JWT|expired at") as refused:
        KafkaSettings.from_env(scram(files, LOGIN="oauthbearer")).librdkafka()
    assert "hush" not in str(refused.value)


def test_iam_log_in(files: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    """IAM needs AWS's own region variable and nothing else; Java must find the same one."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    settings = KafkaSettings.from_env({**scram(files, LOGIN="iam"), "AWS_REGION": "eu-central-1"})
    assert settings.login == Iam("eu-central-1")
    assert "IAMOAuthBearerLoginCallbackHandler" in settings.spark()["kafka.sasl.login.callback.handler.class"]
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(SettingsError, match="AWS_REGION, and that is not eu-central-1"):
        settings.spark()
    for region, reason in (("", "AWS_REGION is not set"), ("Frankfurt", "not a region like")):
        with pytest.raises(SettingsError, match=reason):
            KafkaSettings.from_env({**scram(files, LOGIN="iam"), "AWS_REGION": region})


def test_kerberos_log_in(files: dict[str, str]):
    """Kerberos takes its ticket by the keytab, for a name that needs no quoting; Spark is told what else to do."""
    settings = KafkaSettings.from_env(scram(files, LOGIN="kerberos", KERBEROS_PRINCIPAL="store-330.g1@EXAMPLE.COM"))
    keytab = files["TILLSTREAM_KAFKA_KEYTAB_FILE"]
    assert settings.login == Kerberos("store-330.g1@EXAMPLE.COM", Path(keytab), "kafka")
    assert settings.librdkafka()["sasl.kerberos.kinit.cmd"] == f"kinit -k -t {keytab} store-330.g1@EXAMPLE.COM"
    with pytest.raises(SettingsError, match="mtls, scram, oauthbearer or iam"):
        settings.spark()
    with pytest.raises(SettingsError, match="not a name like store-330"):
        KafkaSettings.from_env(scram(files, LOGIN="kerberos", KERBEROS_PRINCIPAL="$(id)@EXAMPLE.COM"))
    with pytest.raises(SettingsError, match="not a name like kafka"):
        KafkaSettings.from_env(
            scram(files, LOGIN="kerberos", KERBEROS_PRINCIPAL="store-330.g1@EXAMPLE.COM", KERBEROS_SERVICE="a b")
        )
