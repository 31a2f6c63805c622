"""When a business date is over for good."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def closing_time(business_date: date, time_zone: str | None, cutoff_hours: int) -> datetime:
    """The cut-off: so many hours after the midnight, at the store, that ends the business date. UTC.

    A store whose time zone is not known is taken to be in UTC.
    """
    midnight = datetime.combine(business_date + timedelta(days=1), time(), ZoneInfo(time_zone or "UTC"))
    return midnight.astimezone(UTC) + timedelta(hours=cutoff_hours)
