"""Which fault sets off which alert: every alert of alerts/ is in it. Those that need nothing of each other run side by
side; else the order is this one.
"""

from drill.faults import airflow, incoming, kafka, lake, quality, stand_ins, stores, streams, watching
from drill.model import FLOW, Alert, Fault, Part
from drill.registers import INVENTORY, OPERATIONS, RECEIPTS, TOTALS

# What may follow where a fault holds the stream up, each for as long as this clock calls an outage.
LATE = (Alert("FreshnessBurnFast"), Alert("FreshnessBurnSlow"))
# The stores' heartbeats come by the same stream.
UNHEARD = (Alert("StoreSilent"), Alert("StoresSilent"))
# One driver takes in all feeds: where it is busy with one, or waits, the others wait with it.
CROWDED = (*LATE, *UNHEARD)
HELD_UP = (Alert("StreamStuck"), *CROWDED)
# A driver starts anew, perhaps once more than the rule allows in half an hour, or stands still. Its two addresses
# answer Prometheus later than it is there, or not at all.
OUTAGE = (
    Alert("StreamDown"),
    Alert("StreamRestarting"),
    Alert("ScrapeTargetMissing", {"job": "streams"}),
    Alert("ScrapeTargetMissing", {"job": "spark-drivers"}),
    *HELD_UP,
)
# Whoever has asked the broker that hangs waits, and asks the other one.
A_BROKER_HANGS = frozenset({Part.SECOND_BROKER, Part.PROMPTNESS})

FAULTS: tuple[Fault, ...] = (
    Fault(
        told="a sender is logged in with a certificate that ends in ten hours",
        inject=stores.certificate_ends,
        sets_off=(Alert("CertificateExpiring"),),
        needs=frozenset(),
    ),
    Fault(
        told="5,002 small objects in an hour that ended ten days ago",
        inject=lake.small_objects,
        sets_off=(Alert("SmallFilesPilingUp", {"table": "sales_per_minute"}),),
        needs=frozenset({Part.EXPORTER}),
    ),
    Fault(
        told="receipts come faster than the stream takes them in, and wait for ten seconds",
        inject=incoming.too_late,
        sets_off=(Alert("FreshnessBurnFast", {"feed": RECEIPTS}),),
        follows=(Alert("FreshnessBurnSlow", {"feed": RECEIPTS}),),
        may_set_off=(Alert("LagGrowing", {"feed": RECEIPTS}), *CROWDED),
        breaks=frozenset({Part.RECEIPTS, Part.PROMPTNESS}),
    ),
    Fault(
        told="fifty stores fall silent; one stays so when the others are back",
        inject=stores.region_silent,
        sets_off=(Alert("StoresSilent"),),
        follows=(Alert("StoreSilent"),),
        breaks=frozenset({Part.STORES}),
    ),
    Fault(
        told="a store sends messages that are no JSON",
        inject=incoming.malformed,
        sets_off=(Alert("QuarantineRateHigh", {"feed": OPERATIONS}),),
    ),
    Fault(
        told="a client tries to log in with a wrong password",
        inject=kafka.wrong_password,
        sets_off=(Alert("KafkaAuthenticationFailures", {"listener": "WORKLOADS"}),),
        needs=frozenset({Part.KAFKA}),
    ),
    Fault(
        told="the lake exporter's role is denied S3",
        inject=lake.exporter_denied,
        sets_off=(Alert("S3Denied", {"job": "lake-exporter"}),),
        # What it does not see come is late, as far as anybody can tell.
        may_set_off=(Alert("ExporterBlind"), *CROWDED),
        breaks=frozenset({Part.EXPORTER}),
    ),
    Fault(
        told="a lake exporter meets an S3 that asks it to slow down",
        inject=lake.throttled,
        sets_off=(Alert("S3Throttled", {"job": "lake-exporter"}),),
        # Alone, the one that sees nothing would be judged as if it were all there is.
        needs=frozenset({Part.EXPORTER}),
        stand_in="the emulated S3 never asks to slow down: the exporter is real, who answers it is not",
    ),
    Fault(
        told="the lake exporter is killed (kill -9)",
        inject=watching.exporter_killed,
        sets_off=(
            Alert("MetricsMissing", {"series": "tillstream_feed_committed_offset"}),
            Alert("MetricsMissing", {"series": "tillstream_store_heartbeat_timestamp_seconds"}),
            Alert("ScrapeTargetMissing", {"job": "lake-exporter"}),
        ),
        breaks=frozenset({Part.EXPORTER}),
    ),
    Fault(
        told="a store sends everything twice",
        inject=incoming.repeated,
        sets_off=(Alert("DuplicateRateHigh", {"feed": OPERATIONS}),),
    ),
    Fault(
        told="a store is cut off while receipts wait in its outbox",
        inject=stores.receipts_wait,
        prepare=stores.cut_off,
        sets_off=(Alert("OutboxAgeing"),),
    ),
    Fault(
        told="800,001 messages wait in a store's outbox",
        inject=stores.outbox_nearly_full,
        sets_off=(Alert("OutboxNearFull"),),
        # It takes a while to write them.
        may_set_off=(Alert("OutboxAgeing"),),
    ),
    Fault(
        told="a receipt that its till has counted does not come",
        inject=quality.receipt_lost,
        sets_off=(Alert("ReceiptsMissing"), Alert("ReconciliationOff", {"dag_id": quality.RECONCILE})),
        breaks=frozenset({Part.TOTALS, Part.LEDGER}),
        needs=FLOW | {Part.AIRFLOW},
    ),
    Fault(
        told="an object of control_totals is deleted",
        inject=quality.object_gone,
        sets_off=(
            Alert("ValidationFailed", {"feed": TOTALS, "table": "control_totals", "expectation": "objects_whole"}),
            Alert("DagRunFailed", {"dag_id": quality.COMPACT}),
        ),
        # Its control total is younger than the newest judgement until it is judged.
        may_set_off=(Alert("ExporterBlind", {"part": "completeness"}), Alert("ValidationDidNotRun", {"feed": TOTALS})),
        breaks=frozenset({Part.TOTALS, Part.LEDGER}),
        needs=FLOW | {Part.AIRFLOW},
    ),
    Fault(
        told="control totals that came in today were judged four hours ago",
        inject=quality.nobody_validates,
        sets_off=(Alert("ValidationDidNotRun", {"feed": TOTALS}),),
        breaks=frozenset({Part.TOTALS, Part.LEDGER}),
        needs=FLOW | {Part.AIRFLOW},
    ),
    Fault(
        told="somebody writes into the log of the quality ledger",
        inject=watching.ledger_damaged,
        sets_off=(Alert("ExporterBlind", {"part": "quality"}),),
        breaks=frozenset({Part.LEDGER}),
    ),
    Fault(
        told="Airflow's scheduler hangs (SIGSTOP)",
        inject=airflow.scheduler_hangs,
        sets_off=(Alert("AirflowSchedulerDown"),),
        breaks=frozenset({Part.AIRFLOW}),
    ),
    Fault(
        told="somebody suspends a stream that Airflow watches",
        inject=airflow.stream_given_up,
        sets_off=(Alert("StreamGivenUp", {"dag_id": f"stream_{airflow.STREAM}"}),),
        needs=frozenset({Part.AIRFLOW}),
    ),
    Fault(
        told="more inventory comes than the stream takes in",
        inject=incoming.more_and_more,
        sets_off=(Alert("LagGrowing", {"feed": INVENTORY}),),
        may_set_off=CROWDED,
        breaks=frozenset({Part.INVENTORY, Part.PROMPTNESS}),
    ),
    Fault(
        told="the driver's JVM stands still (SIGSTOP)",
        inject=streams.hanging,
        sets_off=(Alert("StreamStuck"),),
        may_set_off=OUTAGE,
        breaks=frozenset({Part.STREAM}),
    ),
    Fault(
        told="Spark may not write its checkpoints",
        inject=lake.checkpoint_denied,
        sets_off=(Alert("CheckpointWriteErrors", {"feed": TOTALS}),),
        # What is in the lake may not be in the checkpoint of its feed yet.
        may_set_off=(Alert("CheckpointWriteErrors"), *OUTAGE),
        breaks=frozenset({Part.STREAM}),
    ),
    Fault(
        told="the driver is killed three times (kill -9)",
        inject=streams.killed_again_and_again,
        sets_off=(Alert("StreamRestarting"),),
        may_set_off=OUTAGE,
        breaks=frozenset({Part.STREAM}),
    ),
    Fault(
        told="somebody suspends the stream",
        inject=streams.stopped,
        sets_off=(Alert("StreamDown"),),
        may_set_off=OUTAGE,
        breaks=frozenset({Part.STREAM}),
    ),
    Fault(
        told="the broker is killed (kill -9)",
        inject=kafka.killed,
        sets_off=(Alert("KafkaBrokerDown"),),
        # It answers Prometheus before it has opened its logs, and until then every partition is offline.
        may_set_off=(
            Alert("MetricsMissing", {"series": "kafka_log_Log_Value"}),
            Alert("KafkaOfflinePartition"),
            *OUTAGE,
        ),
        breaks=frozenset({Part.KAFKA, Part.STREAM}),
    ),
    Fault(
        told="of two brokers that keep a partition one hangs (SIGSTOP)",
        inject=kafka.copy_missing,
        sets_off=(Alert("KafkaUnderReplicated"),),
        may_set_off=HELD_UP,
        needs=frozenset({Part.KAFKA}),
        breaks=A_BROKER_HANGS,
    ),
    Fault(
        told="the same, of a topic that asks for two copies",
        inject=kafka.too_few_copies,
        sets_off=(Alert("KafkaUnderMinIsr"),),
        may_set_off=(Alert("KafkaUnderReplicated"), *HELD_UP),
        needs=frozenset({Part.KAFKA}),
        breaks=A_BROKER_HANGS,
    ),
    Fault(
        told="the only broker that keeps a partition hangs (SIGSTOP)",
        inject=kafka.leader_missing,
        sets_off=(Alert("KafkaOfflinePartition"),),
        may_set_off=HELD_UP,
        needs=frozenset({Part.KAFKA}),
        breaks=A_BROKER_HANGS,
    ),
    Fault(
        told="the disk of a broker's machine fills up",
        inject=stand_ins.disk_fills,
        sets_off=(Alert("KafkaDiskFilling"),),
        needs=frozenset(),
        stand_in="the broker has no disk of its own here, and no node exporter: a server tells what MSK's would",
    ),
    Fault(
        told="Argo CD says OutOfSync",
        inject=stand_ins.argo_cd(sync="OutOfSync"),
        sets_off=(Alert("ArgoApplicationOutOfSync", {"name": stand_ins.APPLICATION}),),
        needs=frozenset(),
        stand_in="Argo CD runs in `make test-cluster`: a server tells what it would",
    ),
    Fault(
        told="Argo CD says Degraded",
        inject=stand_ins.argo_cd(health="Degraded"),
        sets_off=(Alert("ArgoApplicationUnhealthy", {"name": stand_ins.APPLICATION}),),
        needs=frozenset(),
        stand_in="Argo CD runs in `make test-cluster`: a server tells what it would",
    ),
    Fault(
        told="Alertmanager is stopped: the heartbeat that an alarm outside the cluster listens to ends",
        inject=watching.alertmanager_gone,
        sets_off=(Alert("Watchdog"),),
        breaks=frozenset(Part),
        falls_silent=True,
    ),
)
