"""The queries that write into the lake."""

import contracts
from dashboards.model import Board, Panel, Query, Row, Threshold, red_from
from dashboards.variables import FEED, OF_FEED

BOARD = Board(
    uid="tillstream-spark-streams",
    title="Spark streams",
    told="Do the streams keep up, and what do they spend their time on?",
    variables=(FEED,),
    rows=(
        Row(
            "Pace",
            (
                Panel(
                    "Messages that came and were worked off",
                    "timeseries",
                    (
                        Query(f"sum by (feed) (tillstream_stream_input_rows_per_second{OF_FEED})", "{{feed}} in"),
                        Query(f"sum by (feed) (tillstream_stream_processed_rows_per_second{OF_FEED})", "{{feed}} done"),
                    ),
                    "cps",
                    "Of the newest batch. Done should not stay below in.",
                    runbook="LagGrowing",
                ),
                Panel(
                    "How long a batch takes",
                    "timeseries",
                    (
                        Query(
                            'max by (feed) (tillstream_stream_batch_duration_seconds{phase="triggerExecution", '
                            'feed=~"$feed"})',
                            "{{feed}}",
                        ),
                    ),
                    "s",
                    "From trigger to Spark's own note that it is done.",
                ),
                Panel(
                    "By phase",
                    "timeseries",
                    (
                        Query(
                            'max by (phase) (tillstream_stream_batch_duration_seconds{phase!="triggerExecution", '
                            'feed=~"$feed"})',
                            "{{phase}}",
                        ),
                    ),
                    "s",
                    "addBatch is ours: the tasks, the manifest, the commits. The rest is Spark's book-keeping.",
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Behind",
            (
                Panel(
                    "Delay",
                    "timeseries",
                    (Query(f"max by (feed) (tillstream_stream_delay_seconds{OF_FEED})", "{{feed}}"),),
                    "s",
                    "Of the oldest message of the newest batch, from outbox to table. Lines: what the contracts allow.",
                    thresholds_of={
                        feed: red_from(contract.freshness_seconds)
                        for feed, contract in sorted(contracts.load().items())
                    },
                    runbook="FreshnessBurnFast",
                ),
                Panel(
                    "Messages that the stream has not read",
                    "timeseries",
                    (Query(f"max by (feed) (tillstream_stream_lag_messages{OF_FEED})", "{{feed}}"),),
                    "short",
                    "By its own word, at the end of the newest batch. A stream that hangs says nothing new.",
                    runbook="LagGrowing",
                ),
                Panel(
                    "Share of messages that were in the lake already",
                    "timeseries",
                    (
                        Query(
                            f'sum by (feed) (rate(tillstream_stream_messages_total{{outcome="duplicate", '
                            f'feed=~"$feed"}}[10m])) / sum by (feed) '
                            f"(rate(tillstream_stream_messages_total{OF_FEED}[10m]))",
                            "{{feed}}",
                        ),
                    ),
                    "percentunit",
                    "Dropped. Stores send again what was not acknowledged; much of it means that they are not heard.",
                    thresholds=red_from(0.05),
                    runbook="DuplicateRateHigh",
                ),
            ),
        ),
        Row(
            "Progress",
            (
                Panel(
                    "Since Spark last said that it goes on",
                    "timeseries",
                    (
                        Query(
                            f"time() - max by (feed) (tillstream_stream_progress_timestamp_seconds{OF_FEED})",
                            "{{feed}}",
                        ),
                    ),
                    "s",
                    "Above five minutes the stream is stuck.",
                    thresholds=red_from(300),
                    runbook="StreamStuck",
                ),
                Panel(
                    "Refused, by reason",
                    "timeseries",
                    (
                        Query(
                            f"sum by (reason) (increase(tillstream_stream_quarantined_messages_total{OF_FEED}[5m]))",
                            "{{reason}}",
                        ),
                    ),
                    "short",
                    "In five minutes. Each is kept whole in quarantine.",
                    runbook="QuarantineRateHigh",
                ),
                Panel(
                    "Failures, by kind",
                    "timeseries",
                    (Query(f"sum by (kind) (increase(tillstream_stream_failures_total{OF_FEED}[1h]))", "{{kind}}"),),
                    "short",
                    "Queries that failed within an hour.",
                    runbook="StreamRestarting",
                ),
            ),
        ),
        Row(
            "What they write, and remember",
            (
                Panel(
                    "Objects written",
                    "timeseries",
                    (
                        Query(
                            f"sum by (table) (rate(tillstream_stream_written_objects_total{OF_FEED}[5m]))",
                            "{{table}}",
                        ),
                    ),
                    "cps",
                    "By table. Many small ones are what compaction joins.",
                    width=6,
                ),
                Panel(
                    "Bytes written",
                    "timeseries",
                    (Query(f"sum by (table) (rate(tillstream_stream_written_bytes_total{OF_FEED}[5m]))", "{{table}}"),),
                    "Bps",
                    "By table.",
                    width=6,
                ),
                Panel(
                    "Registers known",
                    "timeseries",
                    (Query(f"sum by (feed) (tillstream_stream_state_registers{OF_FEED})", "{{feed}}"),),
                    "short",
                    "What duplicates are found by: grows with the registers, not with the receipts.",
                    width=6,
                ),
                Panel(
                    "Size of their sequences",
                    "timeseries",
                    (Query(f"max by (feed) (tillstream_stream_state_size_bytes{OF_FEED})", "{{feed}}"),),
                    "bytes",
                    "What of them was sent to the tasks of the newest batch.",
                    width=6,
                ),
            ),
        ),
        Row(
            "Executors, by Spark's own word",
            (
                Panel(
                    "Tasks at work",
                    "timeseries",
                    (Query("sum by (application_name) (metrics_executor_activeTasks)", "{{application_name}}"),),
                    "short",
                    "Of all executors of an application.",
                ),
                Panel(
                    "Tasks that failed",
                    "timeseries",
                    (
                        Query(
                            "sum by (application_name) (increase(metrics_executor_failedTasks_total[5m]))",
                            "{{application_name}}",
                        ),
                    ),
                    "short",
                    "In five minutes. Four failures of one task end its query.",
                    runbook="StreamRestarting",
                ),
                Panel(
                    "Time spent on collecting garbage",
                    "timeseries",
                    (
                        Query(
                            "sum by (application_name) (rate(metrics_executor_totalGCTime_seconds_total[5m]))",
                            "{{application_name}}",
                        ),
                    ),
                    "percentunit",
                    "Of a second, in all executors together. Above a tenth they need more memory.",
                    thresholds=(Threshold(0, "green"), Threshold(0.1, "yellow")),
                ),
            ),
        ),
    ),
)
