"""Do the platforms' own logs say the same? Every recorded call is looked up by its request id where a log can be read.

What a log contradicts is tampering with one of the two; what it should hold and does not cannot be verified; what it
cannot say (no log, too old, too young) is told and changes no verdict.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from killswitch_backends.problems import Problem
from killswitch_backends.recalling import Recalled, Recalling, RecordedCall, Word
from killswitch_console.audit.findings import MOST_FINDINGS, Call, Finding, Standing
from killswitch_console.halting.sighting import Opener
from killswitch_inventory.targets import BackendRef, TargetId, TargetIdError

SECONDS: Final = 120.0
"""Longest that one platform's log may take: two CloudTrail pages a second make twelve thousand changes."""

_STANDING: Final = {Word.CONTRADICTED: Standing.TAMPERED, Word.ABSENT: Standing.UNVERIFIABLE}


@dataclass(slots=True)
class PlatformReport:
    """What one platform's log said of the calls recorded for it."""

    platform: str
    calls: int
    words: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Why calls could not be compared, each with how many."""
    findings: list[Finding] = field(default_factory=list)

    def line(self) -> str:
        """It in one line."""
        said = ", ".join(f"{self.words[word]} {word}" for word in Word if self.words[word])
        why = "".join(f"; {reason}" for reason in self.reasons)
        return f"{self.platform}: {self.calls} recorded calls, {said}{why}"


async def cross_check(calls: Iterable[Call], openers: Mapping[BackendRef, Opener]) -> list[PlatformReport]:
    """Ask every platform's log at once; never raises for a platform.

    Args:
        calls: as the trail has them.
        openers: the platforms of the configuration.
    """
    recorded: defaultdict[BackendRef, list[tuple[Call, RecordedCall]]] = defaultdict(list)
    strange = PlatformReport("calls that do not read", 0)
    for call in calls:
        try:
            read = RecordedCall(TargetId.parse(call.target), call.request_id, _moment(call.at))
        except (TargetIdError, ValueError) as error:
            strange.calls += 1
            strange.findings.append(Finding(Standing.UNVERIFIABLE, f"event {call.seq}", str(error)))
        else:
            recorded[read.target.backend].append((call, read))
    async with asyncio.TaskGroup() as group:
        asking = [
            group.create_task(_asked(ref, some, openers.get(ref)), name=f"log of {ref}")
            for ref, some in sorted(recorded.items(), key=lambda item: str(item[0]))
        ]
    return [*(task.result() for task in asking), *([strange] if strange.calls else [])]


def _moment(text: str) -> datetime:
    """A time with its zone. Raises ``ValueError``."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return moment


async def _asked(
    ref: BackendRef, recorded: Sequence[tuple[Call, RecordedCall]], opener: Opener | None
) -> PlatformReport:
    report = PlatformReport(str(ref), len(recorded))
    try:
        said = await _recalled([call for _, call in recorded], opener)
    except Problem as problem:
        _unreadable(report, str(problem))
    except TimeoutError:
        _unreadable(report, f"its log took over {SECONDS:g} s")
    else:
        places = {read: call.seq for call, read in recorded}
        for one in said:
            _count(report, one, places[one.call])
    return report


async def _recalled(calls: Sequence[RecordedCall], opener: Opener | None) -> Sequence[Recalled]:
    if opener is None:
        return [Recalled(call, Word.UNREADABLE, "it is not in the configuration") for call in calls]
    async with asyncio.timeout(SECONDS), opener() as backend:
        if not isinstance(backend, Recalling):
            return [Recalled(call, Word.UNREADABLE, "it keeps no log that this console reads") for call in calls]
        return await backend.recall(calls)


def _unreadable(report: PlatformReport, why: str) -> None:
    report.words[Word.UNREADABLE] = report.calls
    report.reasons[why] = report.calls


def _count(report: PlatformReport, one: Recalled, seq: int) -> None:
    report.words[one.word] += 1
    standing = _STANDING.get(one.word)
    if standing is None:
        if one.word is not Word.CONFIRMED:
            report.reasons[one.detail] += 1
    elif len(report.findings) < MOST_FINDINGS:
        what = f"{one.call.target}, request id {one.call.request_id}: {one.detail}"
        report.findings.append(Finding(standing, f"event {seq}", what))
