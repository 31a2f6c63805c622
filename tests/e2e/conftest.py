"""One stack under Airflow for all files: to start it takes longer than most of what they look at."""

from collections.abc import Iterator

import pytest
from rich.console import Console

from local.processes import kill_all
from local.progress import Steps
from local.stack import Stack
from stores.files import write_private
from tests.support.messages import MASTER_KEY


@pytest.fixture(scope="session")
def steps() -> Iterator[Steps]:
    with Steps(Console(stderr=True)) as steps:
        yield steps


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, steps: Steps) -> Iterator[Stack]:
    """Roles are enforced; the administrator stays for what no role may: to spoil the lake, and to look behind it."""
    directory = tmp_path_factory.mktemp("airflow")
    write_private(directory / "secrets" / "store-master.key", MASTER_KEY)
    try:
        with Stack(directory, steps, seed=1, with_airflow=True, keep_administrator=True) as stack:
            stack.start()
            yield stack
    finally:
        kill_all()
