"""The manifests that Argo CD syncs become `spark-submit` on this machine."""

import copy
from pathlib import Path
from typing import Any

import pytest

from local.submission import ROOT, Machine, ManifestError, render, submission

MACHINE = Machine(
    Path("/run"),
    config_maps={"platform": {"TILLSTREAM_LAKE_URI": "s3://lake"}},
    identities={"spark-ingest": {"AWS_ROLE_ARN": "arn:ingest"}, "spark-batch": {"AWS_ROLE_ARN": "arn:batch"}},
)
INGEST: dict[str, Any] = {
    "metadata": {"name": "ingest"},
    "spec": {
        "mainApplicationFile": "local:///opt/tillstream/jobs/ingest/__main__.py",
        "sparkConf": {"spark.sql.session.timeZone": "UTC"},
        "driver": {
            "memory": "1g",
            "serviceAccount": "spark-ingest",
            "terminationGracePeriodSeconds": 90,
            "envFrom": [{"configMapRef": {"name": "platform"}}],
            "env": [{"name": "TILLSTREAM_LEVEL", "value": "debug"}],
        },
        "executor": {"instances": 2, "cores": 3},
        "arguments": ["--feed", "pos.receipts"],
    },
}


def changed(**driver: object) -> dict[str, Any]:
    manifest = copy.deepcopy(INGEST)
    manifest["spec"]["driver"] |= driver
    return manifest


def test_every_rendered_application_can_be_submitted():
    """The local overlay asks for nothing this machine lacks, and Git says that no stream runs by itself."""
    applications = render(ROOT / "argocd" / "overlays" / "local")
    assert [each["metadata"]["name"] for each in applications] == ["export", "ingest", "rollup", "rollup-backfill"]
    for application in applications:
        assert application["spec"]["suspend"] is True
        assert submission(application, MACHINE).command


def test_sizes_and_settings_reach_spark():
    """Executor cores make the local threads; settings and arguments are passed on; everything listens on loopback."""
    made = submission(INGEST, MACHINE)
    assert "--master=local[6]" in made.command
    assert "--driver-memory=1g" in made.command
    assert "--conf=spark.sql.session.timeZone=UTC" in made.command
    assert "--conf=spark.driver.bindAddress=127.0.0.1" in made.command
    assert made.grace_seconds == 90
    assert made.environment["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert made.command[-3:] == (str(ROOT / "jobs" / "ingest" / "__main__.py"), "--feed", "pos.receipts")


def test_a_driver_gets_its_own_identity(monkeypatch: pytest.MonkeyPatch):
    """The environment is the manifest's, the ConfigMap's and the service account's, and none of the user's own AWS."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the user's own")
    monkeypatch.setenv("TILLSTREAM_LAKE_URI", "s3://elsewhere")
    environment = submission(INGEST, MACHINE).environment
    assert environment["TILLSTREAM_LAKE_URI"] == "s3://lake"
    assert environment["TILLSTREAM_LEVEL"] == "debug"
    assert environment["AWS_ROLE_ARN"] == "arn:ingest"
    assert "AWS_ACCESS_KEY_ID" not in environment


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (changed(serviceAccount="nobody"), "no service account nobody"),
        (changed(envFrom=[{"configMapRef": {"name": "elsewhere"}}]), "no ConfigMap elsewhere"),
        (
            {**INGEST, "spec": {**INGEST["spec"], "mainApplicationFile": "s3a://jobs/main.py"}},
            "must begin with local:///opt/tillstream",
        ),
    ],
)
def test_what_this_machine_lacks_is_named(manifest: dict[str, Any], reason: str):
    """A manifest that cannot run here is refused with the name of what is missing."""
    with pytest.raises(ManifestError, match=reason):
        submission(manifest, MACHINE)
