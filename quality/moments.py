"""The moment as of which a verb judges."""

from datetime import UTC, datetime

import click


def moment_of(now: str | None) -> datetime:
    """What `--now` says, or now. Raise click.BadParameter where it is no time with a zone."""
    if now is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(now)
    except ValueError as error:
        raise click.BadParameter(f"{now!r} is not an ISO 8601 time", param_hint="--now") from error
    if moment.tzinfo is None:
        raise click.BadParameter(f"{now!r} has no time zone; add Z for UTC", param_hint="--now")
    return moment
