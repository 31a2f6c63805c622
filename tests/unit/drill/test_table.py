"""The drill's table has every alert, and what it says of its faults holds together."""

from collections import Counter

import pytest

from ci.alert_rules import alerts
from drill.model import Fault
from drill.story import RECEIVERS
from drill.table import FAULTS
from local.monitoring.rules import ALERTS

RULES = alerts(ALERTS)
NAMES = [fault.told for fault in FAULTS]


def test_every_alert_is_drilled():
    """Each alert of alerts/ has its fault, and no fault sets off an alert that is not there."""
    assert {alert.name for fault in FAULTS for alert in fault.alerts} == RULES.keys()


def test_what_may_follow_is_an_alert():
    """What a fault may set off is an alert of alerts/: a name that nobody has explains nothing."""
    assert {alert.name for fault in FAULTS for alert in fault.may_set_off} <= RULES.keys()


def test_an_alert_has_one_fault():
    """No two faults set off the same alert with the same labels: what is seen is one fault's or the other's."""
    times = Counter((alert.name, tuple(sorted(alert.labels.items()))) for fault in FAULTS for alert in fault.alerts)
    assert [alert for alert, count in times.items() if count > 1] == []


def test_faults_are_told_apart():
    """Each fault says in words of its own what is broken."""
    assert len(set(NAMES)) == len(NAMES)


def test_every_severity_has_a_receiver():
    """The drill knows whom each severity must reach."""
    assert {rule["labels"]["severity"] for rule in RULES.values()} == RECEIVERS.keys()


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.stand_in], ids=lambda fault: fault.told)
def test_a_stand_in_says_why(fault: Fault):
    """What takes a real part's place says why, in a sentence."""
    assert len(fault.stand_in.split()) > 4
