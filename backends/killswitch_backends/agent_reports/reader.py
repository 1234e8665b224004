"""Follows a board for a backend: what each instance evaluated last, by flag, as it changes.

A board that cannot be read costs nothing but knowledge: it is said in ``problem``, and what was known stays.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic import ValidationError

from killswitch_backends.agent_reports.wire import InstanceState, Scalar, WireAnswer
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import AgentReports

_WAIT = 20.0
"""Seconds that one request waits on the board for a change."""

_TIMEOUT = aiohttp.ClientTimeout(total=_WAIT + 5, connect=3)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_TROUBLE = (Problem, aiohttp.ClientError, OSError, TimeoutError, ValidationError)
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class _Word:
    """What is known of one instance and one flag."""

    version: int
    state: InstanceState


class Reader:
    """One board. ``follow`` keeps what ``reports`` answers from up to date."""

    def __init__(self, uri: str, token: Callable[[], Awaitable[str]]) -> None:
        self._uri = uri
        self._token = token
        self._words: defaultdict[str, dict[str, _Word]] = defaultdict(dict)
        """By flag, then by ``AGENT/INSTANCE``."""
        self._flags: dict[str, set[str]] = {}
        """The flags of each instance."""
        self._defaults: defaultdict[str, dict[str, Scalar]] = defaultdict(dict)
        """By flag, then by ``AGENT/INSTANCE``: what it goes by without a flag, where it said so."""
        self._epoch, self._at = "", 0
        self.problem = "the reports of agents were not read yet"

    def reports(self, flag: str, version: int) -> AgentReports:
        """Who evaluated this version of a flag or a later one, and who has not yet."""
        found: dict[str, list[str]] = {"current": [], "behind": [], "lost": [], "ended": []}
        for name, word in sorted(self._words.get(flag, {}).items()):
            found[_standing(word, version)].append(name)
        return AgentReports(problem=self.problem, **{standing: tuple(names) for standing, names in found.items()})

    def defaults(self, flag: str) -> Mapping[str, Scalar]:
        """What instances that ask a flag go by without it, by ``AGENT/INSTANCE``, where they said so."""
        return self._defaults.get(flag, {})

    async def read_once(self) -> None:
        """Read what there is now, without following.

        Raises:
            Problem: when it cannot be read.
        """
        async with self._session() as session:
            try:
                self._take(await self._ask(session))
            except _TROUBLE as error:
                raise Problem("reports", _why(error)) from error
        self.problem = ""

    def _session(self) -> aiohttp.ClientSession:
        outside = urlsplit(self._uri).hostname not in _LOOPBACK
        return aiohttp.ClientSession(trust_env=outside, timeout=_TIMEOUT)

    async def follow(self, changed: Callable[[str | None], None]) -> None:
        """Read until cancelled; ``changed`` is called with each flag of which something new is known, None for all."""
        pause = _FIRST_PAUSE
        async with self._session() as session:
            while True:
                try:
                    answer = await self._ask(session)
                except _TROUBLE as error:
                    self._say(_why(error), changed)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
                    continue
                pause = _FIRST_PAUSE
                self._say("", changed)
                for flag in self._take(answer):
                    changed(flag)

    async def _ask(self, session: aiohttp.ClientSession) -> WireAnswer:
        query: dict[str, Any] = {"epoch": self._epoch, "after": self._at, "wait": _WAIT}
        headers = {"Authorization": f"Bearer {await self._token()}"}
        async with session.get(f"{self._uri}/reports", params=query, headers=headers, allow_redirects=False) as answer:
            if answer.status != 200:
                raise Problem("reports", f"answered {answer.status}")
            return WireAnswer.model_validate_json(await answer.read())

    def _say(self, problem: str, changed: Callable[[str | None], None]) -> None:
        if problem != self.problem:
            self.problem = problem
            changed(None)

    def _take(self, answer: WireAnswer) -> set[str]:
        """Take over what a board says; the flags of which something is new."""
        new: set[str] = set()
        if answer.epoch != self._epoch:
            new |= self._words.keys()
            self._words.clear()
            self._defaults.clear()
            self._flags.clear()
        self._epoch, self._at = answer.epoch, answer.at
        for report in answer.reports:
            name = f"{report.agent}/{report.instance}"
            for flag in self._flags.get(name, set()) - report.flags.keys():
                self._words[flag].pop(name, None)
                self._defaults[flag].pop(name, None)
                new.add(flag)
            self._flags[name] = set(report.flags)
            for flag, version in report.flags.items():
                self._words[flag][name] = _Word(version, report.state)
                new.add(flag)
            for flag, default in report.defaults.items():
                self._defaults[flag][name] = default
        return new


def _standing(word: _Word, version: int) -> str:
    """Under which word of ``AgentReports`` an instance is listed."""
    if word.state is InstanceState.ENDED:
        return "ended"
    if word.version >= version:
        return "current"
    return "behind" if word.state is InstanceState.REPORTING else "lost"


def _why(error: Exception) -> str:
    what = error.what if isinstance(error, Problem) else type(error).__name__
    return f"the reports of agents cannot be read: {what}"
