"""The table of permissions beside a recorded run of the pipeline, and the document written from it."""

from fnmatch import fnmatch

import pytest

from tests.support.permissions import DOCUMENT, Requested, document, in_policy, matrix, recorded
from tests.support.permissions_table import BUCKETS, REFUSED, REVIEWED, UNUSED


def test_the_document_is_the_tables():
    """docs/permissions.md is what the table says; `make render` writes it anew."""
    assert DOCUMENT.read_text() == document()


def test_every_recorded_request_is_granted():
    """What the recorded run asked S3 for has its letter in the table, or was refused and is explained."""
    for request in recorded(allowed=True):
        assert request.letter in matrix()[request.place][request.workload], request
    assert {(each.workload, each.action, str(each.place)) for each in recorded(allowed=False)} == set(REFUSED)


def test_every_grant_is_used():
    """Each letter of the table was used in the recorded run, or the table says who uses it and when."""
    used = {(each.workload, each.letter, each.place) for each in recorded(allowed=True)}
    unused = {
        (workload, letter, str(place))
        for place, cells in matrix().items()
        for workload, letters in cells.items()
        for letter in letters
        if (workload, letter, place) not in used
    }
    explained = {
        entry: {each for each in unused if each[0] == entry[0] and each[1] in entry[1] and fnmatch(each[2], entry[2])}
        for entry in UNUSED
    }
    assert sorted(unused - set().union(*explained.values())) == []
    assert [entry for entry, found in explained.items() if not found] == []


def test_reasons():
    """Whoever may do anything beyond the buckets may do it for a reason, with a place to read more."""
    for line in REVIEWED:
        assert line.why.endswith("."), line
        assert line.link.startswith("https://"), line
        assert "*" not in line.actions, line
    assert BUCKETS.isascii()


def test_where_a_request_falls():
    """A request belongs to the narrowest place that its key begins with."""
    log = Requested("quality", "s3:GetObject", "lake", "receipts/_delta_log")
    assert str(log.place) == "lake/receipts/_delta_log/"
    assert str(Requested("quality", "s3:GetObject", "lake", "receipts/dt=").place) == "lake/receipts/"
    assert str(Requested("quality", "s3:ListBucket", "lake", "").place) == "lake/"


def test_what_is_no_plain_leave():
    """A statement that denies, or turns a part of it around, is refused: the table could not say it."""
    plain = {"Sid": "A", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::a/*"]}
    assert len(in_policy({"Statement": [plain]})) == 1
    for broken in (plain | {"Effect": "Deny"}, {**plain, "NotAction": plain["Action"]}):
        with pytest.raises(ValueError, match="no plain leave"):
            in_policy({"Statement": [broken]})
