"""The tables of the lake, pinned, as reconciliation reads them."""

from lake.tables import DeltaTables
from quality.reconcile_queries import Tables

# Receipts before their tenders: children are committed before their parents, so what is read later has them.
_NAMES = {
    "control_totals": "control_totals",
    "control_total_tenders": "control_total_tenders",
    "receipts": "receipts",
    "receipt_tenders": "receipt_tenders",
    "quarantine": "quarantine",
    "stores": "dim_stores",
}


def pinned(tables: DeltaTables) -> tuple[Tables, dict[str, int]]:
    """Datasets at the newest versions of this moment, read as they are asked for; and those versions by table."""
    datasets, versions = {}, {}
    for role, name in _NAMES.items():
        table = tables.table(name)
        datasets[role] = table.to_pyarrow_dataset()
        versions[name] = table.version()
    return Tables(**datasets), versions
