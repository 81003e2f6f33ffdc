"""The zone of this computer with its history of clock changes, and the present moment in it.

`datetime.now().astimezone()` knows one offset alone, and puts an attempt of last summer on the wrong day. This asks the system
for every date; it reads no zone database of its own and formats nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo


class LocalZone(tzinfo):
    """The system's own zone (TZ, /etc/localtime or the settings of Windows), whatever its offset was at a date."""

    def fromutc(self, moment: datetime) -> datetime:
        # A naive time from a timestamp is local, and of an hour that comes twice it says which one it is (its fold).
        return datetime.fromtimestamp(moment.replace(tzinfo=UTC).timestamp()).replace(tzinfo=self)

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime | None) -> timedelta | None:  # noqa: ARG002
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()


def local_now() -> datetime:
    """The present moment, in the zone of this computer."""
    return datetime.now(LocalZone())


def when(due: datetime, now: datetime) -> str:
    """The day of `due`, seen from `now` in its zone: "today", "in 3 days", "3 days ago"."""
    days = (due.astimezone(now.tzinfo).date() - now.date()).days
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    return near.get(days) or (f"in {days} days" if days > 0 else f"{-days} days ago")
