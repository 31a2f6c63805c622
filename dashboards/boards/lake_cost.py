"""The tables on S3, and what they cost."""

from dashboards.model import Board, Panel, Query, Row, red_from
from dashboards.variables import OF_TABLE, TABLE
from terraform import costs

PRICES = costs.prices()
DOLLARS_PER_BYTE_MONTH = f"{PRICES['object_gib_month']} / {2**30}"
DOLLARS_PER_WRITE = f"{PRICES['thousand_puts']} / 1000"
DOLLARS_PER_READ = f"{PRICES['thousand_gets']} / 1000"
MONTH_SECONDS = "2592000"
WRITES = 'operation=~"(Put|List|Copy|Create|Complete|Upload).*"'
READS = 'operation=~"(Get|Head).*"'

BOARD = Board(
    uid="tillstream-lake-cost",
    title="Lake and cost",
    told="How large is the lake, what does it cost to read, and does S3 answer?",
    variables=(TABLE,),
    rows=(
        Row(
            "Tables",
            (
                Panel(
                    "Size",
                    "timeseries",
                    (Query(f"max by (table) (tillstream_table_size_bytes{OF_TABLE})", "{{table}}"),),
                    "bytes",
                    "What the newest version consists of.",
                ),
                Panel(
                    "Objects",
                    "timeseries",
                    (Query(f"max by (table) (tillstream_table_objects{OF_TABLE})", "{{table}}"),),
                    "short",
                    "Each costs a request whenever it is read.",
                ),
                Panel(
                    "Small objects too many",
                    "timeseries",
                    (Query(f"max by (table) (tillstream_table_small_objects{OF_TABLE})", "{{table}}"),),
                    "short",
                    "In ended days, that compaction could have joined.",
                    thresholds=red_from(5000),
                    runbook="SmallFilesPilingUp",
                ),
            ),
        ),
        Row(
            "S3",
            (
                Panel(
                    "Requests",
                    "timeseries",
                    (
                        Query(
                            "sum by (job, operation) (rate(tillstream_s3_requests_total[5m]))", "{{job}} {{operation}}"
                        ),
                    ),
                    "reqps",
                    "Of drivers and the exporter, by operation.",
                ),
                Panel(
                    "Errors",
                    "timeseries",
                    (
                        Query(
                            "sum by (code) (rate(tillstream_s3_errors_total[5m]))"
                            ' or label_replace(vector(0), "code", "any", "", "")',
                            "{{code}}",
                        ),
                    ),
                    "reqps",
                    "Refused, slowed down or not answered.",
                    runbook="S3Denied",
                ),
                Panel(
                    "How long a look of the exporter takes",
                    "timeseries",
                    (Query("max by (part) (tillstream_exporter_look_duration_seconds)", "{{part}}"),),
                    "s",
                    "Grows with the objects of the tables.",
                    runbook="ExporterBlind",
                ),
            ),
        ),
        Row(
            f"Cost, at {costs.whose()}",
            (
                Panel(
                    "Storage, a month",
                    "timeseries",
                    (
                        Query(
                            f"max by (table) (tillstream_table_size_bytes{OF_TABLE}) * {DOLLARS_PER_BYTE_MONTH}",
                            "{{table}}",
                        ),
                    ),
                    "currencyUSD",
                    "What the newest versions take, as S3 Standard. Versions before them, and logs, come on top.",
                    width=6,
                    stacked=True,
                ),
                Panel(
                    "Requests, a month at this pace",
                    "timeseries",
                    (
                        Query(
                            f"sum by (job) (rate(tillstream_s3_requests_total{{{WRITES}}}[1h])) * {MONTH_SECONDS} "
                            f"* {DOLLARS_PER_WRITE}",
                            "{{job}} writes and lists",
                        ),
                        Query(
                            f"sum by (job) (rate(tillstream_s3_requests_total{{{READS}}}[1h])) * {MONTH_SECONDS} "
                            f"* {DOLLARS_PER_READ}",
                            "{{job}} reads",
                        ),
                    ),
                    "currencyUSD",
                    "Those of drivers and the exporter. Executors write objects: one request each, beside these.",
                    width=6,
                    stacked=True,
                ),
                Panel(
                    "Size of an object",
                    "timeseries",
                    (
                        Query(
                            f"max by (table) (tillstream_table_size_bytes{OF_TABLE}) / on (table) "
                            f"max by (table) (tillstream_table_objects{OF_TABLE})",
                            "{{table}}",
                        ),
                    ),
                    "bytes",
                    "On average. The smaller, the more requests a query pays for.",
                    width=6,
                    runbook="SmallFilesPilingUp",
                ),
                Panel(
                    "Requests that S3 itself counts",
                    "timeseries",
                    (
                        Query("sum by (dimension_BucketName) (aws_s3_all_requests_sum)", "{{dimension_BucketName}}"),
                        Query(
                            "sum by (dimension_BucketName) (aws_s3_4xx_errors_sum)", "{{dimension_BucketName}} refused"
                        ),
                        Query(
                            "sum by (dimension_BucketName) (aws_s3_5xx_errors_sum)", "{{dimension_BucketName}} failed"
                        ),
                    ),
                    "short",
                    "Of everybody, in five minutes, by CloudWatch: on AWS only.",
                    width=6,
                    runbook="S3Throttled",
                ),
            ),
        ),
    ),
)
