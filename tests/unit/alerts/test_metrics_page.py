"""The page docs/metrics.md is what the code exports."""

import re

from tests.support.metrics_page import PAGE, page, sections

UNITS = ("_seconds", "_bytes", "_total", "_per_second", "_messages", "_objects", "_offset", "_days", "_receipts")
# Counts of things, states and numbers that have no unit.
WITHOUT_UNIT = {
    "tillstream_feed_batch",
    "tillstream_feed_generation",
    "tillstream_quality_expectation_success",
    "tillstream_quality_expectation_violations",
    "tillstream_store_outbox_depth",
    "tillstream_store_reported_outbox_depth",
    "tillstream_stream_state_registers",
    "tillstream_table_version",
}


def test_the_page_is_what_the_code_exports():
    """The committed page is what `make render` writes."""
    assert PAGE.read_text() == page()


def test_names_follow_prometheus_conventions():
    """Names are ours, lower case, and end in their unit; counters end in _total, nothing else does."""
    for _, _, metrics in sections():
        for each in metrics:
            assert re.fullmatch(r"tillstream_[a-z0-9_]+", each.name)
            assert each.name.endswith(UNITS) != (each.name in WITHOUT_UNIT), each.name
            assert each.name.endswith("_total") == (each.kind == "counter"), each.name
            assert each.told.endswith("."), each.name
