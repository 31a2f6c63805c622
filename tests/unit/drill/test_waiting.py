"""What a drill waits for, and what goes on beside it."""

import threading

import pytest

from drill.waiting import DrillError, meanwhile


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
        raise DrillError("Kafka has not taken 3 messages.")

    with pytest.raises(DrillError, match="3 messages"), meanwhile(act):
        pass


def test_what_fails_in_the_block_is_said_first():
    """An error of the block itself is the one that is raised, and the thread ends all the same."""
    with pytest.raises(DrillError, match="the block"), meanwhile(lambda stop: (stop.wait(60), None)[1]):
        raise DrillError("the block")
