"""Is every feed fresh, complete and valid?"""

from dashboards.model import ANY_IS_BAD, Board, Panel, Query, Row, red_from
from dashboards.variables import FEED, OF_FEED

ACCEPTED = '{outcome="accepted", feed=~"$feed"}'
REFUSED = '{outcome="quarantined", feed=~"$feed"}'

BOARD = Board(
    uid="tillstream-pipeline",
    title="Pipeline",
    told="Is every feed fresh, complete and valid, and what has changed?",
    variables=(FEED,),
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "Stale feeds",
                    "stat",
                    (Query(f"max by (feed) (tillstream:feed_stale{OF_FEED})", "{{feed}}"),),
                    "bool_yes_no",
                    "Something that Kafka had when the contract's time began is not in the lake.",
                    height=4,
                    thresholds=ANY_IS_BAD,
                    runbook="FreshnessBurnFast",
                ),
                Panel(
                    "Days of registers that lack receipts",
                    "stat",
                    (Query('sum(tillstream_register_days{state="missing"})', "missing"),),
                    "short",
                    "Past their cut-off, of the last seven business dates.",
                    height=4,
                    thresholds=ANY_IS_BAD,
                    runbook="ReceiptsMissing",
                ),
                Panel(
                    "Expectations that do not hold",
                    "stat",
                    (
                        Query(
                            'sum(1 - tillstream_quality_expectation_success{severity="error"}) or vector(0)', "failing"
                        ),
                    ),
                    "short",
                    "Of severity error, in the newest judgement of each.",
                    height=4,
                    thresholds=ANY_IS_BAD,
                    runbook="ValidationFailed",
                ),
            ),
        ),
        Row(
            "Fresh",
            (
                Panel(
                    "Share of the time in which a feed was stale",
                    "timeseries",
                    (Query(f"avg_over_time(tillstream:feed_stale{OF_FEED}[1h])", "{{feed}}"),),
                    "percentunit",
                    "Of the hour before. It pages above 14.4 %.",
                    thresholds=red_from(0.144, yellow=0.06),
                    runbook="FreshnessBurnFast",
                ),
                Panel(
                    "Messages that wait in Kafka",
                    "timeseries",
                    (Query(f"tillstream:feed_lag_messages{OF_FEED}", "{{feed}}"),),
                    "short",
                    "What the brokers have and the tables have not.",
                    runbook="LagGrowing",
                ),
                Panel(
                    "Delay, as a share of what the contract allows",
                    "timeseries",
                    (
                        Query(
                            f"max by (feed) (tillstream_stream_delay_seconds{OF_FEED}) / on (feed) "
                            f"max by (feed) (tillstream_feed_freshness_objective_seconds{OF_FEED})",
                            "{{feed}}",
                        ),
                    ),
                    "percentunit",
                    "Of the oldest message of the newest batch, from outbox to table. Above 100 % it is late.",
                    thresholds=red_from(1, yellow=0.8),
                    runbook="FreshnessBurnSlow",
                ),
            ),
        ),
        Row(
            "Complete and valid",
            (
                Panel(
                    "Complete days of registers",
                    "timeseries",
                    (
                        Query(
                            'sum(tillstream_register_days{state=~"complete|quarantined"})'
                            ' / sum(tillstream_register_days{state!="pending"})',
                            "complete",
                        ),
                    ),
                    "percentunit",
                    "Whose control totals agree with the lake, of those past their cut-off in seven days.",
                    width=6,
                    minimum=None,
                    runbook="ReceiptsMissing",
                ),
                Panel(
                    "Messages into the lake",
                    "timeseries",
                    (
                        Query(
                            f"sum by (feed) (rate(tillstream_stream_messages_total{ACCEPTED}[5m]))",
                            "{{feed}}",
                        ),
                    ),
                    "cps",
                    "Committed, by feed. At night, when stores are closed, there are few.",
                    width=6,
                ),
                Panel(
                    "Share of messages that were refused",
                    "timeseries",
                    (
                        Query(
                            f"sum by (feed) (rate(tillstream_stream_messages_total{REFUSED}[10m]))"
                            f" / sum by (feed) (rate(tillstream_stream_messages_total{OF_FEED}[10m]))",
                            "{{feed}}",
                        ),
                    ),
                    "percentunit",
                    "They are kept whole in quarantine, with the reason.",
                    width=6,
                    thresholds=red_from(0.02),
                    runbook="QuarantineRateHigh",
                ),
                Panel(
                    "Alerts that fire",
                    "table",
                    (
                        Query(
                            'count by (alertname, severity, feed) (ALERTS{alertstate="firing", alertname!="Watchdog"})'
                        ),
                    ),
                    "short",
                    "Their runbooks begin with what to do: alerts/runbooks.",
                    width=6,
                ),
            ),
        ),
    ),
)
