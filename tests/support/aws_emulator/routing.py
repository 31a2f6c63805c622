"""Puts a response class of ours where moto has its own."""

from types import ModuleType

from moto.core.responses import BaseResponse


def replace(urls: ModuleType, ours: type[BaseResponse], *more_paths: str) -> None:
    """Let `ours`, a subclass of moto's class, answer all of the service's paths, and `more_paths`."""
    urls.url_paths = {path: getattr(ours, handler.__name__) for path, handler in urls.url_paths.items()}
    urls.url_paths.update({f"{{0}}{path}": ours.dispatch for path in more_paths})
