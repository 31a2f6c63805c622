"""Commits a decided batch to the Delta tables, exactly once.

The batch number is the version of an application transaction in every table it touches. The parent table comes last,
so its transaction says that the batch is whole; those before it are committed side by side. A batch found half
committed is finished, table by table.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction

from contracts import Contract, system_tables
from lake.errors import Fenced, LakeError
from lake.manifests import BatchManifest, DataObject
from lake.tables import DeltaTables

# The shared tables meet the commits of the other feeds, every table those of a compaction. Appends never collide for
# good: each try only takes the next version.
_RETRIES = 100
# But with what removes rows they do, until the table is looked at again.
_LOOKS = 5
# Every look at a table reads the log back to its last checkpoint.
_CHECKPOINT_EVERY = 20
# Checkpoints are written below, where their failure is not taken for that of the commit. A clean-up is a job of its
# own: the stream may not delete.
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
    soon as its commit stands, by the thread that made it.

    Raise Fenced where another driver has committed this batch or a later one; LakeError where the batch before this
    one is not committed.
    """
    order = commit_order(contract)
    if unknown := manifest.objects.keys() - set(order):
        raise LakeError(
            f"{manifest.key} names tables that are not {manifest.feed}'s: {sorted(unknown)}; see its contract."
        )
    *before, parent = order
    _refuse_gap(tables, parent, manifest)
    touched = [name for name in before if manifest.objects.get(name)]
    commit = partial(_commit, tables, manifest, adopted=adopted, on_commit=on_commit)
    with ThreadPoolExecutor(max_workers=len(order)) as pool:
        versions = dict(zip(touched, pool.map(commit, touched), strict=True))
        versions[parent] = commit(parent)
        due = [name for name, version in versions.items() if version % _CHECKPOINT_EVERY == 0]
        list(pool.map(tables.checkpoint, due))
    return versions


def _refuse_gap(tables: DeltaTables, parent: str, manifest: BatchManifest) -> None:
    before = manifest.previous_batch
    done = tables.transaction_version(parent, manifest.application_id)
    if before is not None and (done is None or done < before):
        raise LakeError(
            f"Batch {before} of {manifest.application_id} was decided but is not committed, so batch {manifest.batch} "
            "cannot be. Nothing was committed; start the stream again and it finishes that batch first."
        )


def _commit(
    tables: DeltaTables, manifest: BatchManifest, name: str, *, adopted: bool, on_commit: Callable[[str], None]
) -> int:
    table = tables.last_seen(name)
    done = tables.transaction_version(name, manifest.application_id)
    if done is not None and (done > manifest.batch or (done == manifest.batch and not adopted)):
        raise _fenced(manifest, name, done)
    if done == manifest.batch:
        return table.version()
    for attempt in range(1, _LOOKS + 1):
        try:
            _append(table, manifest, name)
        except CommitFailedError as error:
            tables.refresh(name)
            done = tables.transaction_version(name, manifest.application_id)
            if done is not None and done >= manifest.batch:
                raise _fenced(manifest, name, done) from error
            # Rows were removed since the last look, by a retention or a redrive: nothing that an append depends on.
            if attempt == _LOOKS:
                raise _not_committed(manifest, name, error) from error
        except (DeltaError, OSError) as error:
            raise _not_committed(manifest, name, error) from error
        else:
            break
    on_commit(name)
    tables.committed(name, manifest.application_id, manifest.batch)
    return table.version()


def _append(table: DeltaTable, manifest: BatchManifest, name: str) -> None:
    table.create_write_transaction(
        [_add(each) for each in manifest.objects.get(name, ())],
        "append",
        table.schema(),
        partition_by=table.metadata().partition_columns,
        commit_properties=CommitProperties(
            custom_metadata=_metadata(manifest),
            app_transactions=[Transaction(manifest.application_id, manifest.batch)],
            max_commit_retries=_RETRIES,
        ),
        post_commithook_properties=_NO_HOOKS,
    )


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


def _not_committed(manifest: BatchManifest, table: str, error: Exception) -> LakeError:
    return LakeError(
        f"Batch {manifest.batch} of {manifest.application_id} could not be committed to {table}: {error}. Its "
        "manifest stands; start the stream again and it goes on from there."
    )


def _fenced(manifest: BatchManifest, table: str, done: int) -> Fenced:
    return Fenced(
        f"Another driver writes {manifest.feed}: {table} has batch {done} of {manifest.application_id} already. "
        f"This driver stops at batch {manifest.batch}; the other one goes on. See `tillstream status`."
    )
