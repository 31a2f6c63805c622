"""What is refused, and why: collected check by check."""

import numpy as np

from contracts.verdicts import Refusal, Verdicts


def test_the_first_reason_stays():
    """What was found first of a message is not replaced by later checks, nor by those of a part of the messages."""
    verdicts = Verdicts(4)
    verdicts.refuse(1, "not_json", "cut short")
    verdicts.refuse(1, "empty", "later")
    verdicts.refuse_where(np.array([False, True, True, False]), "conflict", lambda row: f"message {row}")
    later = Verdicts(2)
    later.refuse_where(np.array([True, True]), "too_large", str)
    verdicts.adopt(later, np.array([2, 3]))
    assert verdicts.refused == {
        1: Refusal("not_json", "cut short"),
        2: Refusal("conflict", "message 2"),
        3: Refusal("too_large", "1"),
    }
    assert verdicts.accepted().tolist() == [0]


def test_verdicts_follow_each_other():
    """The messages of the next chunk come after those of the one before."""
    verdicts, following = Verdicts(2), Verdicts(3)
    following.refuse(1, "empty", "nothing")
    verdicts.extend(following)
    assert (verdicts.rows, verdicts.refused) == (5, {3: Refusal("empty", "nothing")})
    assert verdicts.accepted().tolist() == [0, 1, 2, 4]
