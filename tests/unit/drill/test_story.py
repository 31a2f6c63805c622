"""What is taken down of a fault, and when its alerts have fired, were told, and have resolved."""

from contextlib import nullcontext
from typing import Any

from drill.model import Alert, Fault
from drill.story import AFTERMATH_SECONDS, Story, Stranger, strangers
from drill.witness import Notification, Sight

FEED = {"alertname": "StreamDown", "severity": "page", "feed": "a"}
LAG = {"alertname": "LagGrowing", "severity": "ticket", "feed": "a"}
SEVERITIES = {"StreamDown": "page", "LagGrowing": "ticket", "Watchdog": "watchdog"}


def story(*alerts: Alert, named: str = "a fault", **options: Any) -> Story:
    fault = Fault(named, lambda _: nullcontext(), alerts, **options)
    return Story(fault, Story.of(fault, SEVERITIES).rows, began=100, broken=110, fired_before=100)


def told(at: float, labels: dict[str, str], *, firing: bool = True, receiver: str = "oncall") -> Notification:
    return Notification(at, receiver, firing, labels)


def sight(at: float, *firing: dict[str, str], notes: list[Notification] | None = None, **held: Any) -> Sight:
    return Sight(at, firing, held, notes or [])


def test_an_alert_fires_is_told_and_resolves():
    """Seconds count from the fault, and from its repair."""
    seen = story(Alert("StreamDown"))
    [row] = seen.rows
    seen.note(sight(111))
    assert not seen.is_told
    seen.note(sight(115, FEED))
    assert row.fired_seconds == 5
    assert not seen.is_told
    seen.note(sight(117, FEED, notes=[told(116, FEED)]))
    assert seen.is_told
    assert row.notified_seconds == 6
    seen.repaired = 120
    seen.note(sight(121, FEED, notes=[told(116, FEED)]))
    assert not seen.is_over
    seen.note(sight(130, notes=[told(116, FEED), told(129, FEED, firing=False)]))
    assert seen.is_over
    assert row.resolved_seconds == 9
    assert seen.wrong_receivers() == []


def test_that_an_earlier_fault_is_over_is_no_alert():
    """Who is told once more that the alert has resolved was not told that it fires."""
    seen = story(Alert("StreamDown"))
    seen.note(sight(111, notes=[told(111, FEED, firing=False)]))
    assert seen.rows[0].fired_seconds is None
    assert not seen.is_told


def test_every_label_set_of_an_alert_must_resolve():
    """An alert that stands for several feeds is over when it has resolved for all of them."""
    seen, other = story(Alert("StreamDown")), {**FEED, "feed": "b"}
    seen.repaired = 120
    notes = [told(116, FEED), told(116, other), told(129, FEED, firing=False)]
    seen.note(sight(130, notes=notes))
    assert not seen.is_over
    seen.note(sight(131, notes=[*notes, told(130, other, firing=False)]))
    assert seen.is_over


def test_what_follows_need_only_fire_before_the_repair():
    """An alert that another of the same fault holds back is told after that one has resolved."""
    seen = story(Alert("StreamDown"), follows=(Alert("LagGrowing"),))
    seen.note(sight(115, FEED, notes=[told(116, FEED)]))
    assert not seen.is_told
    seen.note(sight(117, FEED, LAG, notes=[told(116, FEED)], LagGrowing=[FEED]))
    assert seen.is_told
    assert seen.held_back == {"LagGrowing"}
    assert seen.missing() == "StreamDown resolves; tickets is told of LagGrowing"


def test_held_back_counts_for_its_cause_only():
    """What another fault's alert holds back is none of this one's, also where it might have come of this one."""
    seen = story(Alert("StreamDown", {"feed": "b"}), may_set_off=(Alert("StreamDown"),))
    seen.note(sight(115, held=[FEED]))
    assert seen.held_back == set()


def test_the_wrong_receiver_is_named():
    """Whoever was told besides the one of its severity is a problem."""
    seen = story(Alert("StreamDown"))
    seen.note(sight(115, FEED, notes=[told(116, FEED), told(117, FEED, receiver="tickets")]))
    assert seen.wrong_receivers() == ["oncall, tickets was told of StreamDown, not oncall"]


def test_an_alert_whose_silence_counts_is_heard_again():
    """Where an alert falls silent with the fault, it is over when it is heard again."""
    seen = story(Alert("Watchdog"), falls_silent=True)
    dog = {"alertname": "Watchdog", "severity": "watchdog"}
    seen.note(sight(112, dog, notes=[told(111, dog)]))
    assert seen.is_told
    seen.repaired = 120
    seen.note(sight(121, dog, notes=[told(111, dog)]))
    assert not seen.is_over
    seen.note(sight(124, dog, notes=[told(111, dog), told(123, dog)]))
    assert seen.is_over
    assert seen.rows[0].resolved_seconds == 3


def test_strangers_are_told_with_the_faults_of_their_moment():
    """What no fault of the moment sets off is a stranger; what resolves, and what always fires, is none."""
    seen, later = story(Alert("StreamDown", {"feed": "a"})), story(Alert("LagGrowing"))
    seen.ended, later.began, later.ended = 140, 150, 160
    dog = {"alertname": "Watchdog", "severity": "watchdog"}
    notes = [told(120, FEED), told(121, LAG), told(122, dog), told(145, FEED, firing=False), told(155, LAG)]
    assert strangers([seen, later], notes, ["Watchdog"]) == [Stranger("LagGrowing{a}", 121, [seen])]
    assert strangers([seen, later], [told(170, FEED)], ["Watchdog"]) == [Stranger("StreamDown{a}", 170, [])]


def test_a_stranger_counts_once_for_each_company_of_faults():
    """The same alert at two moments with other faults is two strangers, for each of them may be its cause."""
    one, two = story(Alert("StreamDown"), named="one"), story(Alert("StreamDown"), named="two")
    one.ended, two.began, two.ended = 140, 150, 160
    notes = [told(120, LAG), told(125, LAG), told(155, LAG)]
    assert [each.present for each in strangers([one, two], notes, [])] == [[one], [two]]


def test_what_may_follow_is_no_stranger_for_a_while():
    """What a fault need not set off may still be told when the fault is over, but not for ever."""
    seen = story(Alert("StreamDown"), may_set_off=(Alert("LagGrowing"),))
    seen.ended = 140
    assert strangers([seen], [told(120, LAG), told(140 + AFTERMATH_SECONDS, LAG)], []) == []
    assert len(strangers([seen], [told(141 + AFTERMATH_SECONDS, LAG)], [])) == 1


def test_what_a_fault_must_set_off_may_follow_from_it_too():
    """An alert that fires once more after its fault is over is no stranger, where it is also one that may follow."""
    seen = story(Alert("StreamDown", {"feed": "a"}), may_set_off=(Alert("StreamDown"),))
    seen.ended = 140
    assert strangers([seen], [told(150, FEED)], []) == []


def test_a_fault_that_went_wrong_explains_what_comes_too_late():
    """What was not told in time, and then was, casts no doubt on those beside it."""
    seen, other = story(Alert("StreamDown")), story(Alert("LagGrowing"), named="another")
    seen.ended, other.ended = 140, 160
    assert strangers([seen, other], [told(150, FEED)], []) == [Stranger("StreamDown{a}", 150, [other])]
    seen.problems.append("DrillError: Not within 60 s: StreamDown fires.")
    assert strangers([seen, other], [told(150, FEED)], []) == []


def test_a_fault_begins_when_nothing_of_an_earlier_one_lingers():
    """Whoever was told that an alert fires is not told again until they were told that it has resolved. Where that
    was held back nobody ever is, so a fault does not wait for it for ever.
    """
    seen = story(Alert("StreamDown"), follows=(Alert("LagGrowing"),))
    assert seen.lingers(sight(120, FEED, notes=[told(110, FEED)])) == ["StreamDown"]
    assert seen.lingers(sight(130, notes=[told(110, FEED), told(115, LAG), told(125, LAG, firing=False)])) == [
        "StreamDown"
    ]
    assert seen.lingers(sight(131, notes=[told(110, FEED), told(131, FEED, firing=False)])) == []
    assert seen.lingers(sight(120 + AFTERMATH_SECONDS, notes=[told(110, FEED)])) == []
