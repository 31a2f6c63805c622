from collections.abc import Mapping

import pytest

from contracts import Contract, load
from contracts.decoding import Decoder


@pytest.fixture(scope="session")
def contracts() -> Mapping[str, Contract]:
    return load()


@pytest.fixture(scope="session")
def decoders(contracts: Mapping[str, Contract]) -> Mapping[str, Decoder]:
    return {feed: Decoder(contract) for feed, contract in contracts.items()}


@pytest.fixture
def receipts(contracts: Mapping[str, Contract]) -> Decoder:
    return Decoder(contracts["pos.receipts"])
