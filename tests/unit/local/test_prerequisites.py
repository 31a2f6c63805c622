"""Set-up names what a machine lacks before it changes anything."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# What each program of a sufficient machine prints.
SUFFICIENT = {
    "python3": "3.11",
    "java": 'Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "17.0.15" 2025-04-15',
    "mvn": "\x1b[1mApache Maven 3.8.7\x1b[m",
    "terraform": "Terraform v1.11.4",
    "go": "go version go1.25.0 linux/amd64",
    "make": "GNU Make 3.81",
    "git": "git version 2.39.5",
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH with stand-ins for every prerequisite: what a machine has is decided by the test, not by this one."""
    for name, printed in SUFFICIENT.items():
        install(tmp_path, name, printed)
    return tmp_path


def install(machine: Path, name: str, printed: str) -> None:
    program = machine / name
    program.write_text(f"#!/bin/bash\nprintf '%s\\n' '{printed}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def check(machine: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("JAVA_HOME", "PYTHON")}
    return subprocess.run(
        ["/bin/bash", ROOT / "local" / "setup" / "prerequisites"],
        env={**environment, "PATH": str(machine), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_sufficient_machine_passes_in_silence(machine: Path):
    """When nothing is missing, nothing is said."""
    result = check(machine)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("name", SUFFICIENT)
def test_what_is_missing_is_named(machine: Path, name: str):
    """A missing program is named, with how to get it."""
    (machine / name).unlink()
    result = check(machine)
    assert result.returncode == 1
    assert "is missing" in result.stderr
    assert "get it: " in result.stderr
    assert "1 missing" in result.stderr


@pytest.mark.parametrize(
    ("name", "printed", "says"),
    [
        ("python3", "3.10", "Python 3.11 or newer is missing"),
        ("java", 'openjdk version "11.0.2"', "A JDK 11.0.2 is too old: 17 or newer"),
        ("terraform", "Terraform v1.9.8", "Terraform 1.9.8 is too old: 1.11 or newer"),
        ("go", "go version go1.24.9 linux/amd64", "Go 1.24.9 is too old: 1.25 or newer"),
        ("mvn", "The JAVA_HOME environment variable is not defined correctly", "Maven does not work"),
    ],
)
def test_what_is_too_old_or_broken_is_named(machine: Path, name: str, printed: str, says: str):
    """A program that is too old or does not work is named with its version or its words."""
    install(machine, name, printed)
    result = check(machine)
    assert result.returncode == 1
    assert says in result.stderr


def test_everything_is_named_at_once(machine: Path):
    """Whoever lacks three things learns it in one go."""
    for name in ("java", "mvn", "go"):
        (machine / name).unlink()
    assert "3 missing" in check(machine).stderr


def test_the_jdk_of_java_home_counts(machine: Path):
    """Spark takes the JDK of JAVA_HOME, so that one must do, too."""
    result = check(machine, JAVA_HOME="/nowhere")
    assert "The JDK of JAVA_HOME 17 or newer is missing: there is no /nowhere/bin/java" in result.stderr


def test_another_system_is_refused(machine: Path):
    """Neither Linux nor macOS: the message says so."""
    assert "this is msys: Linux or macOS is needed" in check(machine, OSTYPE="msys").stderr
