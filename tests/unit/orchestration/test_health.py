"""How long something has waited, as far as was watched."""

from orchestration.health import Waiting


def test_nothing_waits_where_all_is_done():
    """Without anything left there is no lag, however long it was watched."""
    waiting = Waiting()
    assert [waiting.seconds({0: 5}, {0: 5}, now) for now in (0, 100, 200)] == [0, 0, 0]


def test_the_wait_begins_when_it_is_first_seen():
    """A lag is measured by watching: the first look knows of none."""
    waiting = Waiting()
    assert [waiting.seconds({0: 5}, {0: 3}, now) for now in (100, 130)] == [0, 30]


def test_progress_short_of_the_mark_does_not_end_the_wait():
    """Some of what waited was done, not all: the oldest still waits."""
    waiting = Waiting()
    waiting.seconds({0: 5}, {0: 0}, 0)
    assert waiting.seconds({0: 9}, {0: 4}, 60) == 60


def test_a_stream_that_follows_has_a_small_lag():
    """What came after the mark counts from when the mark was reached."""
    waiting = Waiting()
    waiting.seconds({0: 5}, {0: 0}, 0)
    assert waiting.seconds({0: 9}, {0: 5}, 60) == 0
    assert waiting.seconds({0: 9}, {0: 5}, 70) == 10
    assert waiting.seconds({0: 9}, {0: 9}, 80) == 0


def test_the_partition_that_has_waited_longest_counts():
    """One stuck partition is not hidden by those that go on."""
    waiting = Waiting()
    waiting.seconds({0: 5, 1: 5}, {0: 0, 1: 5}, 0)
    assert waiting.seconds({0: 5, 1: 9}, {0: 0, 1: 9}, 50) == 50
