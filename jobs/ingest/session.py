"""The Spark session of the jobs: what their correctness rests on, whatever a SparkApplication says.

Sizes, addresses and log-in are the SparkApplication's.
"""

from pyspark.sql import SparkSession

REQUIRED = {
    # A kill while the first offset file is renamed leaves a temporary file, for which Spark would refuse every restart.
    # What that check was meant for, a used checkpoint that is gone, `jobs.ingest.startup` refuses.
    "spark.sql.streaming.verifyCheckpointDirectoryEmptyOnStart": "false",
    "spark.sql.session.timeZone": "UTC",
}


def open_session(name: str) -> SparkSession:
    builder = SparkSession.builder.appName(name)
    for key, value in REQUIRED.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()
