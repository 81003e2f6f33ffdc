"""The zone of this computer: its offset is the one of the date, also where clocks change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from grader.localtime import LocalZone, local_now, when

pytestmark = pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set here")


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Spelt out as POSIX has it, so that it needs no zone database.
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("utc", "local"),
    [
        ("2026-01-31T23:30:00+00:00", "2026-02-01T00:30:00+01:00"),
        ("2026-07-31T22:30:00+00:00", "2026-08-01T00:30:00+02:00"),
        ("2026-03-29T00:59:59+00:00", "2026-03-29T01:59:59+01:00"),
        ("2026-03-29T01:00:00+00:00", "2026-03-29T03:00:00+02:00"),
        ("2026-10-25T00:30:00+00:00", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T01:30:00+00:00", "2026-10-25T02:30:00+01:00"),
    ],
)
def test_offset_is_that_of_the_date(utc: str, local: str) -> None:
    moment = datetime.fromisoformat(utc)
    there = moment.astimezone(LocalZone())
    assert there.isoformat() == local
    assert there.astimezone(UTC) == moment


def test_now_is_now() -> None:
    assert abs(local_now() - datetime.now(UTC)) < timedelta(seconds=10)
    assert local_now().tzname() in ("CET", "CEST")


def test_when() -> None:
    now = datetime(2026, 1, 10, 23, 30, tzinfo=UTC)
    told = {hours: when(now + timedelta(hours=hours), now) for hours in (-48, -24, 0, 1, 25, 1000)}
    assert told == {
        -48: "2 days ago", -24: "yesterday", 0: "today", 1: "tomorrow", 25: "in 2 days", 1000: "in 42 days",
    }  # fmt: skip
