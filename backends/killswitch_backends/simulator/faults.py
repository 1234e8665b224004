"""Where requests go wrong on purpose: rules per operation, set in-process or over ``/_simulator/faults``.

A rule says which operations it strikes, how, how often and how likely. What an error looks like on each platform's
wire is in ``fault_answers.py``.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from killswitch_backends.simulator.clock import Clock
from killswitch_backends.simulator.fault_answers import error_answer, throttle_answer
from killswitch_backends.simulator.requests import Entry, RequestLog, matches

_GLANCE = 0.05
"""Seconds between two looks of a hanging request at whether it should go on hanging."""


class FaultKind(StrEnum):
    """What a fault does to a request."""

    LATENCY = "latency"
    """It waits, then goes on."""
    ERROR = "error"
    THROTTLE = "throttle"
    HANG = "hang"
    """No answer until the client gives up, the rule is removed (the connection then drops) or ``seconds`` pass."""
    RESET = "reset"
    RESET_AFTER_APPLY = "reset-after-apply"
    """The change is made, and the connection drops instead of an answer."""


class Rule(BaseModel):
    """One rule. Rules are tried in the order they were set; latency goes on to the next one, all others end it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str = "*"
    """An fnmatch pattern; a leading part is enough: ``kubernetes.patch``, ``kubernetes.*.pods``, ``iam``, ``*``."""
    kind: FaultKind
    after_apply: bool = False
    """Strike once the change was made instead of before; always so for ``reset-after-apply``."""
    seconds: Annotated[float, Field(ge=0)] | None = None
    """How long a latency or a hang lasts; a latency without it is one second, a hang has no end."""
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    code: str = ""
    """The platform's own word for the error, e.g. ``AccessDeniedException``; guessed from the status if empty."""
    message: str = ""
    body: str | None = None
    """Answer this text as it is, instead of an error in the platform's own shape."""
    retry_after: Annotated[float, Field(ge=0)] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    count: Annotated[int, Field(ge=1)] | None = None
    """Strike this many times at most."""
    skip: Annotated[int, Field(ge=0)] = 0
    """Let this many matching requests pass first."""

    @property
    def strikes_applied(self) -> bool:
        """Whether it waits for the change to be made."""
        return self.after_apply or self.kind is FaultKind.RESET_AFTER_APPLY


@dataclass(slots=True, eq=False)
class ArmedRule:
    """A rule in force, and how often it matched and struck."""

    id: int
    rule: Rule
    matched: int = 0
    struck: int = 0
    rng: random.Random | None = None
    """Dice of its own, so that no other rule shifts what it draws; None: the dice all rules share."""

    def strikes(self, operation: str, rng: random.Random, *, applied: bool) -> bool:
        """Whether it strikes this request; counts it."""
        rule = self.rule
        if rule.strikes_applied != applied or not matches(operation, rule.operation):
            return False
        self.matched += 1
        spent = rule.count is not None and self.struck >= rule.count
        if self.matched <= rule.skip or spent or (self.rng or rng).random() >= rule.probability:
            return False
        self.struck += 1
        return True

    def view(self) -> dict[str, object]:
        """As ``GET /_simulator/faults`` shows it."""
        seen: dict[str, object] = {"id": self.id, "matched": self.matched, "struck": self.struck}
        return seen | self.rule.model_dump(mode="json", exclude_defaults=True)


@dataclass(slots=True)
class FaultRules:
    """The rules in force; the ``Faults`` seam of the faces. Adding and removing is safe from any thread."""

    clock: Clock
    rng: random.Random
    requests: RequestLog
    armed: tuple[ArmedRule, ...] = ()
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, rule: Rule, *, rng: random.Random | None = None) -> int:
        """Put a rule in force, with dice of its own if given; its id."""
        armed = ArmedRule(next(self._ids), rule, rng=rng)
        self.armed = (*self.armed, armed)
        return armed.id

    def remove(self, rule_id: int) -> bool:
        """Lift one rule: requests that hang on it lose their connection. False if there is none of that id."""
        kept = tuple(armed for armed in self.armed if armed.id != rule_id)
        removed = len(kept) < len(self.armed)
        self.armed = kept
        return removed

    def clear(self) -> None:
        """Lift every rule."""
        self.armed = ()

    async def strike(self, operation: str, *, applied: bool = False) -> web.StreamResponse | None:
        """See ``Faults``."""
        entry = self.requests.struck(operation, applied=applied)
        for armed in self.armed:
            if not armed.strikes(operation, self.rng, applied=applied):
                continue
            entry.fault = armed.rule.kind.value
            if armed.rule.kind is not FaultKind.LATENCY:
                return await self._end(armed, operation, entry)
            await self.clock.sleep(1.0 if armed.rule.seconds is None else armed.rule.seconds)
        return None

    async def _end(self, armed: ArmedRule, operation: str, entry: Entry) -> web.StreamResponse:
        """Give the error instead of an answer, or no answer at all."""
        rule = armed.rule
        asked_in = "" if entry.request is None else entry.request.content_type
        match rule.kind:
            case FaultKind.ERROR:
                status = rule.status or 500
                return error_answer(
                    operation, status, code=rule.code, message=rule.message, body=rule.body, asked_in=asked_in
                )
            case FaultKind.THROTTLE:
                return throttle_answer(
                    operation,
                    status=rule.status,
                    code=rule.code,
                    message=rule.message,
                    body=rule.body,
                    retry_after=rule.retry_after,
                    asked_in=asked_in,
                    now=self.clock.now(),
                )
            case FaultKind.HANG:
                await self._hang(armed, entry)
        raise ConnectionResetError(f"{operation}: dropped by fault {armed.id}")

    async def _hang(self, armed: ArmedRule, entry: Entry) -> None:
        """Wait until the client is gone, the rule is lifted or its time is over."""
        seconds = armed.rule.seconds
        end = float("inf") if seconds is None else self.clock.elapsed() + seconds
        while armed in self.armed and self.clock.elapsed() < end:
            if entry.request is not None and entry.request.transport is None:
                return
            await self.clock.sleep(_GLANCE)
