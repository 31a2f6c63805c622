"""What messages of a span become, gathered on disk while they are decoded."""

from contextlib import ExitStack
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts import Contract
from contracts.splitting import split
from jobs.ingest import rows
from jobs.ingest.sorting import Examined
from jobs.refused import Refused
from jobs.replay.standing import Span, Standing
from lake.places import Place
from lake.status import Committed
from lake.upkeep.replacing import PLACES

_ROWLESS = pa.schema(
    [*PLACES, ("store_id", pa.string()), ("register_id", pa.string()), ("epoch", pa.string()), ("seq", pa.int64())]
)


class Gathered:
    """A Parquet file a table, and what is known of the messages. Leave it before the files are read."""

    def __init__(self, contract: Contract, claim: Committed, directory: Path) -> None:
        self._contract, self._claim, self._directory = contract, claim, directory
        self._places: list[pa.Table] = [PLACES.empty_table()]
        self._rowless: list[pa.Table] = [_ROWLESS.empty_table()]
        self._open = ExitStack()
        self._writers = {
            table.name: self._open.enter_context(pq.ParquetWriter(self.file(table.name), table.arrow_schema()))
            for table in contract.tables
        }
        self.refused: list[Refused] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def file(self, table: str) -> Path:
        return self._directory / f"{table}.parquet"

    @property
    def places(self) -> pa.Table:
        """Of all messages whose rows are gathered."""
        return pa.concat_tables(self._places)

    @property
    def rowless(self) -> pa.Table:
        """Those of them that have no row in the span: their places and what makes their identity."""
        return pa.concat_tables(self._rowless)

    def add(self, examined: Examined, span: Span, standing: Standing) -> None:
        """Take what belongs to the span, by what it says or by the row that it has."""
        partition = examined.messages["partition"][0].as_py()
        offsets = examined.messages["offset"].to_numpy().astype(np.int64)
        stands = standing.rows.hold(partition, offsets)
        fine = examined.verdicts.accepted()
        for row in np.setdiff1d(np.flatnonzero(stands), fine).tolist():
            place = Place(self._claim.topic, partition, int(offsets[row]))
            self.refused.append(Refused(place, *examined.verdicts.refused[row]))
        decoded = examined.decoded
        says = pc.and_(span.holds_date(decoded["business_date"]), span.holds_store(decoded["store_id"]))
        chosen = np.flatnonzero(stands[fine] | says.to_numpy(zero_copy_only=False).astype(np.bool_))
        if len(chosen):
            messages = examined.messages.take(fine[chosen])
            self._write(rows.located(decoded.take(chosen), messages, self._claim.topic_id), stands[fine[chosen]])

    def _write(self, located: pa.Table, stands: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
        for name, made in split(self._contract, located).items():
            self._writers[name].write_table(made)
        self._places.append(located.select(PLACES.names).cast(PLACES))
        self._rowless.append(located.select(_ROWLESS.names).cast(_ROWLESS).filter(pa.array(~stands)))
