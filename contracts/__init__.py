"""A contract is the only place where a feed is described."""

from contracts.loading import load
from contracts.model import Contract

__all__ = ["Contract", "load"]
