"""The reader of queries, on which the comparison with what is exported rests."""

import pytest

from tests.support.queries import metric_names


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("vector(1)", set()),
        ('sum by (a, b) (rate(x_total{a=~"y|z", b!="(c)"}[5m])) > 0.1', {"x_total"}),
        ("time() - max by (feed) (a_seconds) unless on (feed) max(b_seconds)", {"a_seconds", "b_seconds"}),
        ("changes(max by (feed) (a)[30m:1m]) > 2", {"a"}),
        ('label_replace(absent(k_Log_Value{name="E"}), "s", "other_name", "", "")', {"k_Log_Value"}),
        ("a:b < bool on (t, p) group_left () max(c offset 90s)", {"a:b", "c"}),
        ("histogram_count(m) - (sum(histogram_count(m offset 15m)) or 0 * m)", {"m"}),
        ("m == 1e18 or n", {"m", "n"}),
    ],
)
def test_a_query_reads_these_series(query: str, names: set[str]):
    """Names of series are found; functions, labels, matchers, strings, numbers and times are not taken for any."""
    assert metric_names(query) == names
