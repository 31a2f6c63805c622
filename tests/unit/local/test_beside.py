"""What goes on in a thread beside a block."""

import threading
from pathlib import Path

import pytest

from contracts.errors import TillstreamError
from local.beside import meanwhile, said


def test_what_goes_on_beside_ends_with_the_block():
    """A thread acts until the block ends."""
    acted = threading.Event()

    def act(stop: threading.Event) -> None:
        acted.set()
        assert stop.wait(60)

    with meanwhile(act):
        assert acted.wait(60)


def test_what_fails_beside_is_no_secret():
    """What the thread failed of is raised when the block ends: nobody goes on as if it had acted."""

    def act(_: threading.Event) -> None:
        raise TillstreamError("Kafka has not taken 3 messages.")

    with pytest.raises(TillstreamError, match="3 messages"), meanwhile(act):
        pass


def test_what_fails_in_the_block_is_said_first():
    """An error of the block itself is the one that is raised, and the thread ends all the same."""
    with pytest.raises(TillstreamError, match="the block"), meanwhile(lambda stop: (stop.wait(60), None)[1]):
        raise TillstreamError("the block")


def test_what_had_failed_beside_the_block_is_said_with_it():
    """Whoever waited in vain learns that the thread which was to bring it about had ended, and of what."""
    failed = threading.Event()

    def act(_: threading.Event) -> None:
        failed.set()
        raise TillstreamError("Kafka has not taken 3 messages.")

    def wait_in_vain() -> None:
        with meanwhile(act):
            assert failed.wait(60)
            raise TillstreamError("the block")

    with pytest.raises(TillstreamError) as raised:
        wait_in_vain()
    assert (
        said(raised.value) == "TillstreamError: the block; beside it: TillstreamError: Kafka has not taken 3 messages."
    )


def test_a_repair_that_fails_does_not_hide_what_failed_before():
    """What had failed already is said, too; what an error was made from is the same failure in other words."""

    def mend() -> None:
        try:
            raise TillstreamError("no alert")
        finally:
            try:
                Path("there is no such file").read_bytes()
            except OSError as error:
                raise TillstreamError("no broker") from error

    with pytest.raises(TillstreamError) as raised:
        mend()
    assert said(raised.value) == "TillstreamError: no broker (before that: TillstreamError: no alert)"
