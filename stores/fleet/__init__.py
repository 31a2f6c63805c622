"""Many stores in one process: they ring up real receipts again, and suffer what real stores suffer."""
