"""What a drill waits for."""

import pytest

from drill.waiting import DrillError, Patience


def test_who_calls_a_drill_off_says_why():
    """Every wait ends with the reason that was first."""
    patience = Patience()
    patience.pause(0)
    patience.call_off("The stores do not report any more.")
    patience.call_off("the end")
    with pytest.raises(DrillError, match=r"called off\. The stores do not report any more\.$"):
        patience.await_(lambda: False, 60, "anything")
