"""The notifier: each notice goes out beside the engine's work, in a child process, within a time limit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from killswitch_backends.outside import parsed
from killswitch_backends.problems import Problem
from killswitch_console.halting.recording import Recorder
from killswitch_console.notify.notice import Notice, Notifier
from killswitch_console.notify.urls import is_reference, shown
from killswitch_console.vault.children import Silence, ask_child
from killswitch_console.vault.references import resolve_secret

SEND_SECONDS = 10.0
"""Longest that one notice may take; a service that has not answered by then counts as not reached."""

CLOSE_SECONDS = 5.0
"""How long leaving waits for notices under way."""

MOST_UNDER_WAY = 8
"""Notices sent at once; more wait, so that a storm of revivals cannot fork-bomb a bastion."""


Scrub = Callable[[str], str]
"""Blanks whatever secret a person may have pasted into a reason."""


class Sender:
    """Implements ``Notifier`` over apprise."""

    def __init__(self, entries: Sequence[str], scrub: Scrub, recorder: Recorder, warn: Callable[[str], None]) -> None:
        self._entries, self._scrub = tuple(entries), scrub
        self._recorder, self._warn = recorder, warn
        self._slots = asyncio.Semaphore(MOST_UNDER_WAY)
        self._under_way: set[asyncio.Task[bool]] = set()

    def tell(self, notice: Notice) -> None:
        """See ``Notifier``."""
        self._begin(notice)

    async def push(self, notice: Notice, *, within: float) -> bool:
        """See ``Notifier``."""
        task = self._begin(notice)
        done, _ = await asyncio.wait({task}, timeout=within)
        return bool(done) and task.result()

    async def close(self) -> None:
        """Let what is under way end, for a few seconds."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=CLOSE_SECONDS)
        for task in tuple(self._under_way):
            task.cancel()
            what = f"{task.get_name()} was given up on leaving, after {CLOSE_SECONDS:g} s"
            self._recorder.note("notify.failed", {"notice": task.get_name(), "missed": list(map(shown, self._entries))})
            self._warn(what)
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _begin(self, notice: Notice) -> asyncio.Task[bool]:
        task = asyncio.create_task(self._carry_out(notice), name=f"notice of {notice.kind}")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _carry_out(self, notice: Notice) -> bool:
        async with self._slots:
            missed = await self._missed(notice)
        if missed:
            self._recorder.note(
                "notify.failed", {"notice": str(notice.kind), "title": notice.subject, "missed": missed}
            )
            self._warn(f"nobody was told through {', '.join(missed)} of: {notice.subject}")
        else:
            self._recorder.note("notify.sent", {"notice": str(notice.kind), "title": notice.subject})
        return not missed

    async def _missed(self, notice: Notice) -> list[str]:
        """Those who were not reached, as they may be shown."""
        resolved = {entry: await _resolved(entry) for entry in self._entries}
        urls = [url for url in resolved.values() if url is not None]
        text = {"title": self._scrub(notice.subject), "body": self._scrub(notice.text)}
        order = json.dumps({"urls": urls, **text}).encode()
        answers = iter(await _send(order, len(urls)) if urls else ())
        return [shown(entry) for entry, url in resolved.items() if url is None or not next(answers)]


async def _resolved(entry: str) -> str | None:
    if not is_reference(entry):
        return entry
    try:
        return await resolve_secret(entry)
    except Problem:
        return None


async def _send(order: bytes, count: int) -> list[bool]:
    try:
        answer = await ask_child("killswitch_console.notify.child", order, seconds=SEND_SECONDS)
        heard = parsed(answer)
    except (Silence, ValueError):
        return [False] * count
    return [bool(one) for one in heard] if isinstance(heard, list) and len(heard) == count else [False] * count


@asynccontextmanager
async def sending(
    entries: Sequence[str], scrub: Scrub, recorder: Recorder, warn: Callable[[str], None]
) -> AsyncIterator[Notifier]:
    """A notifier for these URLs and references (``[notify] urls``)."""
    sender = Sender(entries, scrub, recorder, warn)
    try:
        yield sender
    finally:
        await sender.close()
