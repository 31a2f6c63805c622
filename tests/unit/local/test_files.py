"""Ports that are given out once, whoever asks."""

import subprocess
import sys
from collections import deque

import pytest

from local import files
from local.environment import ROOT
from local.files import free_ports

ASKING = "from local.files import free_ports; print(*free_ports(20), flush=True); input()"


def test_no_port_is_given_out_twice(monkeypatch: pytest.MonkeyPatch):
    """Neither by this process nor by another that still lives; and none that the system may give to anybody."""
    monkeypatch.setattr(files, "PORTS", range(28_000, 28_080))
    narrow = ASKING.replace(";", "; from local import files; files.PORTS = range(28_000, 28_080);", 1)
    with subprocess.Popen(
        [sys.executable, "-c", narrow], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        theirs = {int(port) for port in other.stdout.readline().split()}
        own = {*free_ports(20), *free_ports(20)}
        assert (len(theirs), len(own)) == (20, 40)
        assert not theirs & own
        other.communicate("\n")
    assert all(port in files.PORTS for port in theirs | own)


def test_ports_of_long_ago_are_given_back(monkeypatch: pytest.MonkeyPatch):
    """A process that asks all its life does not take every port there is."""
    monkeypatch.setattr(files, "PORTS", range(28_100, 28_180))
    monkeypatch.setattr(files, "KEPT", 10)
    monkeypatch.setattr(files, "_kept", deque())
    for _ in range(100):
        assert len(free_ports(2)) == 2
