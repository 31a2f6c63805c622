"""Which faults may not be drilled side by side, as one would hold the other's alert back."""

import pytest

from drill.inhibition import may_hold_back
from drill.model import Alert
from local.monitoring.alertmanager import routes

RULES = routes()["inhibitRules"]


@pytest.mark.parametrize(
    ("cause", "consequence", "expected"),
    [
        (Alert("KafkaBrokerDown"), Alert("MetricsMissing"), True),
        (Alert("MetricsMissing"), Alert("KafkaBrokerDown"), False),
        # Of the same feed only; a feed that is not given may be the same.
        (Alert("StreamDown", {"feed": "a"}), Alert("LagGrowing", {"feed": "a"}), True),
        (Alert("StreamDown", {"feed": "a"}), Alert("LagGrowing", {"feed": "b"}), False),
        (Alert("StreamDown"), Alert("LagGrowing", {"feed": "b"}), True),
        # Stores are known by one feed.
        (Alert("StreamDown", {"feed": "store.operations"}), Alert("StoreSilent"), True),
        (Alert("StreamDown", {"feed": "pos.receipts"}), Alert("StoreSilent"), False),
        (Alert("ArgoApplicationOutOfSync"), Alert("StoreSilent"), False),
    ],
)
def test_the_routes_say_what_is_held_back(cause: Alert, consequence: Alert, *, expected: bool):
    """A cause holds its consequence back, and not the other way round, as far as their labels go."""
    assert may_hold_back(RULES, cause, consequence) is expected


def test_an_unknown_matcher_is_refused():
    """A kind of matcher that nobody has taught the drill is no silent mismatch."""
    rule = {"sourceMatch": [{"name": "feed", "matchType": "!~", "value": "a"}], "targetMatch": []}
    with pytest.raises(ValueError, match="!~"):
        may_hold_back([rule], Alert("A", {"feed": "a"}), Alert("B"))
