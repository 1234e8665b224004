"""What a responder is told in a drill, and what they answered: the memory behind the pager. No Textual here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Answer(StrEnum):
    """What the responder made of a page."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Page:
    """One message or alert, as it arrives."""

    id: str
    kind: str
    sender: str
    channel: str
    text: str

    @classmethod
    def read(cls, words: Mapping[str, Any]) -> Page:
        """It from the wire."""
        return cls(*(str(words[name]) for name in ("id", "kind", "sender", "channel", "text")))


@dataclass(slots=True)
class Received:
    """A page that came."""

    page: Page
    at: datetime
    """Drill time."""
    answer: Answer = Answer.OPEN


@dataclass(slots=True)
class Pager:
    """Everything that came, in order. The app's loop owns it."""

    briefing: str
    began: datetime
    """Drill time when the responder joined."""
    received: list[Received] = field(default_factory=list)
    speed: float = 1.0
    over: str = ""
    """How it came out, once it is over."""

    def take(self, page: Page, at: datetime) -> None:
        """A page came."""
        self.received.append(Received(page, at))

    @property
    def open(self) -> tuple[Received, ...]:
        """What waits for an answer, oldest first."""
        return tuple(one for one in self.received if one.answer is Answer.OPEN)

    def answer(self, which: Iterable[Received], answer: Answer) -> list[Page]:
        """Answer pages; those that were still open."""
        answered = [one for one in which if one.answer is Answer.OPEN]
        for one in answered:
            one.answer = answer
        return [one.page for one in answered]
