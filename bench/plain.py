"""A plain consumer loop: confluent-kafka, the contract's decoder, Parquet to S3. No guarantees of any kind.

    python -m bench.plain TOPIC MESSAGES BATCH

No signatures, no duplicates found, no commits: what is left when the promises are taken away. Two processes, each
with half of the partitions, as Spark has two workers.
"""

import multiprocessing
import sys
import time
from collections.abc import Sequence
from typing import TypeAlias

import pyarrow as pa
from confluent_kafka import Consumer, Message, TopicPartition

import contracts
from contracts.decoding import Decoder, split
from jobs.ingest.writing import by_partition, parquet
from lake.objects import ObjectStore
from lake.settings import LakeSettings
from topics.settings import KafkaSettings

FEED = "pos.receipts"
PROCESSES = 2
DECODED_AT_ONCE = 50_000

# Messages and lines of each batch.
Counts: TypeAlias = "multiprocessing.Queue[tuple[int, int]]"


def main(topic: str, messages: int, batch: int) -> None:
    counts: Counts = multiprocessing.Queue()
    workers = [
        multiprocessing.Process(target=consume, args=(topic, number, batch, counts), daemon=True)
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    read = lines = reports = 0
    while read < messages:
        got, of_lines = counts.get(timeout=300)
        read += got
        lines += of_lines
        reports += 1
        # After each process's turn: between those, one is in the middle of what it has not told of yet.
        if reports % PROCESSES == 0 or read >= messages:
            print(f"BENCH lines={lines}", flush=True)
    time.sleep(600)  # Until the measuring parent has read the processes' times, and ends them.


def consume(topic: str, number: int, batch: int, counts: Counts) -> None:
    pa.set_cpu_count(1)
    contract = contracts.load()[FEED]
    decoder = Decoder(contract)
    store = ObjectStore(LakeSettings.from_env().lake_uri)
    consumer = Consumer(
        {**KafkaSettings.from_env().librdkafka(), "group.id": "quality-bench", "enable.auto.commit": False}
    )
    own = range(number, contract.topic.partitions, PROCESSES)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in own])
    batches = 0
    while True:
        tables, got, lines = [], 0, 0
        while got < batch // PROCESSES:
            messages = consumer.consume(DECODED_AT_ONCE, timeout=1)
            if not messages:
                break
            tables.append(_decoded(contract, decoder, messages))
            got += len(messages)
        if not got:
            continue
        for name in tables[0]:
            table = pa.concat_tables(each[name] for each in tables)
            if name == "receipt_lines":
                lines = len(table)
            for values, rows in by_partition(table, ("dt", "hour")):
                folder = "/".join(f"{column}={value}" for column, value in values.items())
                store.put(f"{name}/{folder}/{number}-{batches}.parquet", parquet(rows))
        batches += 1
        counts.put((got, lines))


def _decoded(contract: contracts.Contract, decoder: Decoder, messages: Sequence[Message]) -> dict[str, pa.Table]:
    decoded = decoder.decode(pa.array([message.value() for message in messages], pa.binary()))
    size = len(messages)
    rows = decoded.rows
    for name, column in {
        "kafka_topic_id": pa.repeat(pa.scalar("bench"), size),
        "kafka_partition": pa.array([message.partition() for message in messages], pa.int32()),
        "kafka_offset": pa.array([message.offset() for message in messages], pa.int64()),
        "kafka_timestamp": pa.array([message.timestamp()[1] for message in messages], pa.timestamp("ms", "UTC")),
        "key_generation": pa.repeat(pa.scalar(1, pa.int32()), size),
        "signature": pa.nulls(size, contract.parent.arrow_schema().field("signature").type),
    }.items():
        rows = rows.append_column(name, column)
    return split(contract, rows.take(decoded.verdicts.accepted()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
