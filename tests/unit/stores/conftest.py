from datetime import UTC, datetime

import pytest

from stores.fleet.preparation import Preparation, prepare
from stores.fleet.trouble import Trouble

# An evening in New York, still afternoon in Los Angeles.
NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
SEED = 7


@pytest.fixture(scope="session")
def prepared() -> Preparation:
    """A small replay with all of the trouble."""
    return prepare(receipts=3_000, seed=SEED, troubles=frozenset(Trouble), now=NOW)
