"""What each store last said of itself."""

from dashboards.model import ANY_IS_BAD, Board, Panel, Query, Row, red_from
from dashboards.variables import OF_STORE, STORE

HEARTBEAT = "tillstream_store_heartbeat_timestamp_seconds"

BOARD = Board(
    uid="tillstream-stores",
    title="Stores",
    told="Which stores are silent, and what waits in their outboxes?",
    variables=(STORE,),
    rows=(
        Row(
            "All of them",
            (
                Panel(
                    "Stores that report",
                    "stat",
                    (Query(f"count(time() - {HEARTBEAT} < 7200)", "stores"),),
                    "short",
                    "Within the last two hours.",
                    height=4,
                    width=6,
                ),
                Panel(
                    "Silent stores",
                    "stat",
                    (Query(f"count(time() - {HEARTBEAT} > 7200) or vector(0)", "stores"),),
                    "short",
                    "For more than two hours.",
                    height=4,
                    width=6,
                    thresholds=ANY_IS_BAD,
                    runbook="StoreSilent",
                ),
                Panel(
                    "Messages that wait in outboxes",
                    "stat",
                    (Query("sum(tillstream_store_reported_outbox_depth)", "messages"),),
                    "short",
                    "When each store last reported.",
                    height=4,
                    width=6,
                    runbook="OutboxAgeing",
                ),
                Panel(
                    "Missing receipts",
                    "stat",
                    (Query("sum(tillstream_store_missing_receipts) or vector(0)", "receipts"),),
                    "short",
                    "Past the cut-off, of the last seven business dates.",
                    height=4,
                    width=6,
                    thresholds=ANY_IS_BAD,
                    runbook="ReceiptsMissing",
                ),
            ),
        ),
        Row(
            "By heat",
            (
                Panel(
                    "Stores by when they last reported",
                    "timeseries",
                    (
                        Query(f"count(time() - {HEARTBEAT} < 1800) or vector(0)", "within half an hour"),
                        Query(
                            f"count(time() - {HEARTBEAT} >= 1800 < 7200) or vector(0)",
                            "within two hours",
                        ),
                        Query(f"count(time() - {HEARTBEAT} >= 7200) or vector(0)", "longer ago"),
                    ),
                    "short",
                    "All of them. When many turn silent at once it is not their own trouble.",
                    width=8,
                    height=12,
                    stacked=True,
                    runbook="StoresSilent",
                ),
                Panel(
                    "The 120 that have been silent for longest",
                    "tiles",
                    (Query(f"topk(120, time() - max by (store_id) ({HEARTBEAT}{OF_STORE}))", "{{store_id}}"),),
                    "s",
                    "A tile a store: green reports, yellow is late, red has been silent for two hours.",
                    width=16,
                    height=12,
                    thresholds=red_from(7200, yellow=1800),
                    runbook="StoreSilent",
                ),
            ),
        ),
        Row(
            "The worst",
            (
                Panel(
                    "Longest silent",
                    "table",
                    (Query(f"topk(15, time() - max by (store_id) ({HEARTBEAT}{OF_STORE}))"),),
                    "s",
                    "Call the store, or its network's provider.",
                    runbook="StoreSilent",
                ),
                Panel(
                    "Fullest outboxes",
                    "table",
                    (Query(f"topk(15, max by (store_id) (tillstream_store_reported_outbox_depth{OF_STORE}))"),),
                    "short",
                    "At a million an outbox refuses.",
                    runbook="OutboxNearFull",
                ),
                Panel(
                    "Oldest waiting message",
                    "table",
                    (Query(f"topk(15, max by (store_id) (tillstream_store_reported_outbox_age_seconds{OF_STORE}))"),),
                    "s",
                    "When the store last reported.",
                    runbook="OutboxAgeing",
                ),
            ),
        ),
    ),
)
