"""What counts as stale, from the contracts: one recorded series a feed.

    python -m ci.freshness_rules      # writes alerts/freshness-objectives.yaml

The broker says what Kafka had, the lake exporter what the lake has, and neither of them asks the stream: what Kafka had
when the contract's time began must be in the lake now.
"""

from collections.abc import Mapping
from pathlib import Path

import contracts
from contracts import Contract

TARGET = Path(__file__).resolve().parents[1] / "alerts" / "freshness-objectives.yaml"
# Two scrapes and a look lie between what is and what Prometheus knows.
SLACK_SECONDS = 30
_HEAD = """\
# Written by `make render` from the contracts; do not edit.
# A feed is stale while something that Kafka had so long ago is not in the lake: the contract's freshness, and half a
# minute for two scrapes.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: freshness-objectives
  labels:
    app.kubernetes.io/part-of: tillstream
spec:
  groups:
    - name: freshness-objectives
      rules:
        - record: tillstream:feed_lag_messages
          expr: |-
            sum by (feed) (
              clamp_min(
                max by (topic, partition) (kafka_log_Log_Value{name="LogEndOffset"})
                - on (topic, partition) group_right ()
                max by (feed, topic, partition) (tillstream_feed_committed_offset),
                0
              )
            )
"""
_RULE = """\
        - record: tillstream:feed_stale
          expr: |-
            max by (feed) (
              max by (feed, topic, partition) (tillstream_feed_committed_offset{{feed="{feed}"}})
              < bool on (topic, partition) group_left ()
              max by (topic, partition) (kafka_log_Log_Value{{name="LogEndOffset"}} offset {seconds}s)
            )
          labels:
            feed: {feed}
"""


def rendered(described: Mapping[str, Contract]) -> str:
    rules = [
        _RULE.format(feed=feed, seconds=contract.freshness_seconds + SLACK_SECONDS)
        for feed, contract in sorted(described.items())
    ]
    return _HEAD + "".join(rules)


if __name__ == "__main__":
    TARGET.write_text(rendered(contracts.load()), encoding="utf-8")
