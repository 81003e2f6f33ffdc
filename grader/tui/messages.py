"""The messages that travel through the app. Each carries frozen values; none has behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from grader.saving import Event


@dataclass
class Happened(Message):
    """The save loop has something to tell."""

    event: Event


@dataclass
class Chosen(Message):
    """The learner wants to see this exercise."""

    exercise: str


@dataclass
class HintWanted(Message):
    """The learner asks for the next stage of hint of the exercise that is open."""

    number: int | None = None


@dataclass
class Lost(Message):
    """A thread behind the app has failed; `fatal` where nothing will be graded any more."""

    message: str
    hint: str | None
    fatal: bool = False
