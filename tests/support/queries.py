"""Which series a query of Prometheus reads."""

import re

_NOT_NAMES = {
    *("and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset"),
    *("sum", "min", "max", "avg", "count", "topk", "bottomk", "quantile", "stddev", "group", "count_values"),
}
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_MATCHERS = re.compile(r"\{[^{}]*\}")
_LABELS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_RANGES = re.compile(r"\[[^\[\]]*\]")
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()(?![\w:])")


def metric_names(query: str) -> set[str]:
    """The names of all series in a query; label names, functions, strings and times are none."""
    text = query
    for pattern in (_STRING, _MATCHERS, _LABELS, _RANGES):
        text = pattern.sub(" ", text)
    text = re.sub(r"\boffset\s+\S+?(?=[\s)]|$)", " ", text)
    return {name for name in _NAME.findall(text) if name not in _NOT_NAMES}
