"""A command that a page tells people to type is one that there is."""

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest

from ci.alert_rules import alerts
from tests.support.documented import ROOT, commands
from tillstream.cli import cli

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def cases(program: str) -> list[object]:
    return [pytest.param(words, id=f"{page}: {shlex.join(words)}") for page, words in commands(program)]


@pytest.mark.parametrize("words", cases("tillstream"))
def test_a_verb_takes_what_a_page_gives_it(words: list[str]):
    """Each verb exists, and so does every option that is given to it."""
    command: click.Command = cli
    while isinstance(command, click.Group) and words and words != ["--help"]:
        _, found, words = command.resolve_command(click.Context(command), words)
        assert found is not None
        command = found
    options = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options | {"--help"}


@pytest.mark.parametrize("words", cases("make"))
def test_make_knows_its_targets(words: list[str]):
    """What `make` is asked for is in the Makefile, and so is each variable that is set."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        name, is_set, _ = word.partition("=")
        assert f"$({name})" in makefile or f"$(if $({name})" in makefile if is_set else name in TARGETS


@pytest.mark.parametrize("words", cases("python"))
def test_what_python_runs_is_there(words: list[str]):
    """Each module can be found, each path of a test exists, each alert is one."""
    assert words[0] == "-m"
    assert importlib.util.find_spec(words[1])
    if words[1] == "pytest":
        assert all(Path(ROOT, each).exists() for each in words[2:])


def test_the_drill_is_asked_for_alerts_that_there_are():
    """ALERTS names alerts of alerts/."""
    named = {
        name
        for _, words in commands("make")
        for word in words
        if word.startswith("ALERTS=")
        for name in word.removeprefix("ALERTS=").split()
    }
    assert named
    assert named <= alerts(ROOT / "alerts").keys()
