"""Commits a decided batch to the Delta tables, exactly once.

The batch number is the version of an application transaction in every table it touches; the parent table comes last,
so its transaction says that the batch is whole. A batch found half committed is finished, table by table.
"""

import json
import time
from collections.abc import Callable, Sequence

from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from contracts import Contract, system_tables
from lake.errors import Fenced, LakeError
from lake.manifests import BatchManifest, DataObject
from lake.tables import DeltaTables

# The shared tables meet the commits of the other feeds, every table those of a compaction. Appends never collide for
# good: each try only takes the next version.
_RETRIES = 100
_CHECKPOINT_EVERY = 100
# A checkpoint is written below, where its failure is not taken for that of the commit; a clean-up is a job of its own,
# because the stream may not delete.
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


def commit_order(contract: Contract) -> tuple[str, ...]:
    """The tables of a feed in the order of their commits: what a reader joins to the parent is there before it."""
    children = [table.name for table in contract.children]
    return (*children, system_tables.QUARANTINE, system_tables.DUPLICATES, contract.parent.name)


def commit_batch(
    tables: DeltaTables,
    contract: Contract,
    manifest: BatchManifest,
    *,
    adopted: bool = False,
    on_commit: Callable[[str], None] = lambda _: None,
) -> dict[str, int]:
    """Commit the batch; return the version of each table it is in (absent: nothing for that table).

    `adopted` says that the manifest was found, not made, by this driver: tables that have the batch are passed over.
    Without it, a table that has the batch means that another driver is at work. `on_commit` is told each table as
    soon as its commit stands.

    Raise Fenced where another driver has committed this batch or a later one; LakeError where the batch before this
    one is not committed.
    """
    order = commit_order(contract)
    if unknown := manifest.objects.keys() - set(order):
        raise LakeError(
            f"{manifest.key} names tables that are not {manifest.feed}'s: {sorted(unknown)}; see its contract."
        )
    _refuse_gap(tables.handle(order[-1]), manifest)
    versions: dict[str, int] = {}
    for name in order:
        objects = manifest.objects.get(name, ())
        if not objects and name != order[-1]:
            continue
        table = tables.handle(name)
        done = table.transaction_version(manifest.application_id)
        if done is not None and (done > manifest.batch or (done == manifest.batch and not adopted)):
            raise _fenced(manifest, name, done)
        if done != manifest.batch:
            _commit(table, name, objects, manifest)
            on_commit(name)
        versions[name] = table.version()
    return versions


def _refuse_gap(parent: DeltaTable, manifest: BatchManifest) -> None:
    done = parent.transaction_version(manifest.application_id)
    before = manifest.previous_batch
    if before is not None and (done is None or done < before):
        raise LakeError(
            f"Batch {before} of {manifest.application_id} was decided but is not committed, so batch {manifest.batch} "
            "cannot be. Nothing was committed; start the stream again and it finishes that batch first."
        )


def _commit(table: DeltaTable, name: str, objects: Sequence[DataObject], manifest: BatchManifest) -> None:
    schema = table.schema()
    try:
        table.create_write_transaction(
            [_add(each) for each in objects],
            "append",
            schema,
            partition_by=table.metadata().partition_columns,
            commit_properties=CommitProperties(
                custom_metadata=_metadata(manifest),
                app_transactions=[Transaction(manifest.application_id, manifest.batch)],
                max_commit_retries=_RETRIES,
            ),
            post_commithook_properties=_NO_HOOKS,
        )
    except CommitFailedError as error:
        table.update_incremental()
        done = table.transaction_version(manifest.application_id)
        if done is not None and done >= manifest.batch:
            raise _fenced(manifest, name, done) from error
        raise LakeError(
            f"Batch {manifest.batch} of {manifest.application_id} could not be committed to {name}: {error}. Its "
            "manifest stands; start the stream again and it goes on from there."
        ) from error
    # The handle does not follow its own commit.
    table.update_incremental()
    if table.version() % _CHECKPOINT_EVERY == 0:
        table.create_checkpoint()


def _add(each: DataObject) -> AddAction:
    modified_ms = int(time.time() * 1000)
    return AddAction(
        path=each.path,
        size=each.size,
        partition_values=dict(each.partition_values),
        modification_time=modified_ms,
        data_change=True,
        stats=json.dumps(each.stats),
    )


def _metadata(manifest: BatchManifest) -> dict[str, object]:
    """What `DESCRIBE HISTORY` shows of the commit."""
    return {
        "feed": manifest.feed,
        "batch": str(manifest.batch),
        "offsets": json.dumps({each.partition: [each.start, each.end] for each in manifest.ranges}),
        "topicId": manifest.topic_id,
        "manifest": manifest.key,
        "jobVersion": manifest.job_version,
        "contractVersion": manifest.contract_version,
    }


def _fenced(manifest: BatchManifest, table: str, done: int) -> Fenced:
    return Fenced(
        f"Another driver writes {manifest.feed}: {table} has batch {done} of {manifest.application_id} already. "
        f"This driver stops at batch {manifest.batch}; the other one goes on. See `tillstream status`."
    )
