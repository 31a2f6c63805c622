"""What can be known of an image without a container engine; GitHub Actions builds them."""

import os
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pyspark
import pytest

from local.submission import IMAGE_ROOT
from tests.support.manifests import ROOT

DOCKERFILES = sorted((ROOT / "images").glob("*/Dockerfile"))
# Made by the rooms of Airflow; its image is not built before they are there.
IMAGES = [each for each in DOCKERFILES if (each.parent / "requirements.txt").exists()]
every_image = pytest.mark.parametrize("dockerfile", IMAGES, ids=lambda each: each.parent.name)


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, comments and line continuations resolved."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def last_stage(dockerfile: Path) -> list[tuple[str, str]]:
    found = instructions(dockerfile)
    start = max(i for i, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


@every_image
def test_bases_are_named_by_digest(dockerfile: Path):
    """What an image is built on is a tag for people and a digest for the builder, or an earlier stage."""
    stages: set[str] = set()
    for rest in (rest for word, rest in instructions(dockerfile) if word == "FROM"):
        base, _, stage = rest.partition(" AS ")
        assert base in stages or re.fullmatch(r"[a-z-]+:[\w.-]+@sha256:[0-9a-f]{64}", base), base
        stages.add(stage)
    assert len(stages) > 1, "an image is built in stages, so that what builds it stays out"


@every_image
def test_the_same_base_everywhere(dockerfile: Path):
    """All images share one Python, and so its layers and its fixes."""
    first = next(rest for word, rest in instructions(dockerfile) if word == "FROM" and rest.startswith("python"))
    assert first == next(rest for word, rest in instructions(IMAGES[0]) if word == "FROM")


@every_image
def test_an_image_runs_as_nobody_in_particular(dockerfile: Path):
    """The user is a number, so that Kubernetes can see that it is not root, and the one that the manifests name."""
    stage = last_stage(dockerfile)
    assert [rest for word, rest in stage if word == "USER"] == ["10001:10001"]
    # Nothing that is copied belongs to that user: it cannot change what it runs.
    assert not any("--chown" in rest for word, rest in stage if word == "COPY")


@every_image
def test_an_image_says_what_it_is(dockerfile: Path):
    """Labels tell title, licence, revision and version."""
    labels = " ".join(rest for word, rest in last_stage(dockerfile) if word == "LABEL")
    assert set(re.findall(r"org\.opencontainers\.image\.(\w+)=", labels)) == {
        "title",
        "description",
        "licenses",
        "revision",
        "version",
    }


@every_image
def test_packages_come_by_hash_and_jars_by_sum(dockerfile: Path):
    """Every installation asks for hashes; nothing is fetched by an address of its own."""
    for command in (rest for word, rest in instructions(dockerfile) if word == "RUN"):
        for part in command.split("&&"):
            if re.search(r"\b(pip install|pip sync)\b", part):
                assert "--require-hashes" in part, part
        assert not re.search(r"\b(curl|wget|apt-get|git clone)\b", command), command
    assert not any(word == "ADD" for word, _ in instructions(dockerfile))


@every_image
def test_what_is_copied_is_there(dockerfile: Path):
    """Each file and folder that is copied is in the repository and passes .dockerignore."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for rest in (rest for word, rest in instructions(dockerfile) if word == "COPY" and "--from" not in rest):
        for source in rest.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(fnmatch(source, f"{each}*") for each in allowed), source


@pytest.mark.parametrize("name", ["spark", "store"])
def test_an_image_has_what_one_machine_has(name: str):
    """An image's packages are those of the local environment, by version and hash: what is tested is what runs."""
    mine, whole = (_locked(ROOT / folder / "requirements.txt") for folder in (f"images/{name}", "local"))
    assert mine.keys() <= whole.keys()
    assert {package: whole[package] for package in mine} == mine


def test_the_applications_files_are_in_the_image():
    """The main files of the SparkApplications lie in the image where the manifests look for them."""
    dockerfile = ROOT / "images" / "spark" / "Dockerfile"
    copied = {rest.split()[-1] for word, rest in instructions(dockerfile) if word == "COPY" and "--from" not in rest}
    assert ("WORKDIR", IMAGE_ROOT.removeprefix("local://")) in instructions(dockerfile)
    for manifest in (ROOT / "argocd" / "apps").glob("*/base/*.yaml"):
        for main in re.findall(rf"{IMAGE_ROOT}/(\S+)", manifest.read_text()):
            assert main.split("/")[0] in copied, main
            assert (ROOT / main).exists(), main


def test_spark_starts_as_driver():
    """The word `driver` becomes a real spark-submit in client mode."""
    run = _entrypoint("driver", "--version", SPARK_DRIVER_BIND_ADDRESS="127.0.0.1")
    assert run.returncode == 0, run.stderr
    assert f"version {pyspark.__version__}" in run.stderr


def test_spark_starts_as_executor():
    """The word `executor` becomes Spark's executor backend, which understands every argument and seeks its driver."""
    run = _entrypoint(
        "executor",
        SPARK_EXECUTOR_MEMORY="64m",
        SPARK_JAVA_OPT_0="-XX:+UseSerialGC",
        SPARK_JAVA_OPT_1="-Dspark.rpc.askTimeout=60s",
        SPARK_DRIVER_URL="spark://CoarseGrainedScheduler@127.0.0.1:1",
        SPARK_EXECUTOR_ID="1",
        SPARK_EXECUTOR_CORES="1",
        SPARK_APPLICATION_ID="app",
        SPARK_EXECUTOR_POD_IP="127.0.0.1",
        SPARK_RESOURCE_PROFILE_ID="0",
        SPARK_EXECUTOR_POD_NAME="executor-1",
    )
    assert run.returncode != 0
    assert "Failed to connect to /127.0.0.1:1" in run.stderr + run.stdout
    assert "Unrecognized options" not in run.stderr


def test_other_words_are_commands():
    """Anything else is run as it is: `tillstream topics apply`, for one."""
    run = _entrypoint("echo", "two words")
    assert run.stdout == "two words\n"


def _entrypoint(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: os.environ[key] for key in ("PATH", "JAVA_HOME", "HOME") if key in os.environ}
    return subprocess.run(
        [ROOT / "images" / "spark" / "entrypoint", *arguments],
        env={**kept, "SPARK_HOME": str(Path(pyspark.__file__).parent), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def _locked(file: Path) -> dict[str, str]:
    """By package, its version and hashes as the lock has them."""
    text = file.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if "==" in line]
    return {line.partition("==")[0]: " ".join(line.split()) for line in lines}
