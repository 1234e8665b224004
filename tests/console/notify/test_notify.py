"""Notices: safe words, references for secrets, bounded time, failures known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest

from killswitch_console.notify.notice import Notice, NoticeKind
from killswitch_console.notify.sending import Sender
from killswitch_console.notify.urls import NoticeUrlError, check_entry, shown


class Heard:
    """A recorder that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, Any]]] = []

    def note(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        self.events.append((kind, data))

    async def record(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        self.events.append((kind, data))

    async def require(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        self.events.append((kind, data))


@pytest.mark.parametrize("entry", ["keyring:pager", "env:PAGER", "file:/etc/pager", "json://h:1/x", "mailto://h"])
def test_what_may_stand_in_the_file(entry: str) -> None:
    assert check_entry(entry) == entry


@pytest.mark.parametrize(
    "entry", ["slack://T0/B0/xoxb", "json://u:hunter2@h", "jsons://h?token=hunter2", "keyring:", "hunter2", "json://"]
)
def test_a_secret_in_the_file_is_refused_and_never_repeated(entry: str) -> None:
    with pytest.raises(NoticeUrlError) as refusal:
        check_entry(entry)
    assert "hunter2" not in str(refusal.value)
    assert "xoxb" not in str(refusal.value)


def test_what_is_shown_of_an_url_holds_no_path() -> None:
    assert shown("json://host:8080/secret/path") == "json://host"
    assert shown("keyring:pager") == "keyring:pager"


def test_hostile_words_are_harmless() -> None:
    notice = Notice(NoticeKind.REVIVAL, "a\x1b[31m\nb", ("=cmd\x07",))
    assert "\x1b" not in notice.subject + notice.text
    assert "\n" not in notice.subject
    assert Notice(NoticeKind.MISUSE, "title").text == "title"


async def test_a_service_that_never_answers_costs_what_was_allowed_and_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_connections: list[asyncio.StreamWriter] = []

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_connections.append(writer)

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    heard, warned = Heard(), list[str]()
    sender = Sender([f"json://127.0.0.1:{port}/"], str, heard, warned.append)
    began = time.monotonic()
    assert not await sender.push(Notice(NoticeKind.BREAK_GLASS, "glass"), within=0.3)
    assert time.monotonic() - began < 3
    monkeypatch.setattr("killswitch_console.notify.sending.CLOSE_SECONDS", 0.2)
    await sender.close()
    assert [kind for kind, _ in heard.events] == ["notify.failed"]
    assert "given up on leaving" in warned[0]
    for writer in open_connections:
        writer.close()
    server.close()


async def test_what_could_not_be_told_is_recorded_without_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEAD_PAGER", "json://user:hunter2@127.0.0.1:9/")
    heard, warned = Heard(), list[str]()
    sender = Sender(["env:DEAD_PAGER", "env:NO_SUCH_PAGER"], lambda text: text.replace("AKIA", "[secret]"), heard, warned.append)  # fmt: skip  # noqa: E501
    sender.tell(Notice(NoticeKind.MISUSE, "somebody"))
    await asyncio.wait(sender._under_way)
    ((kind, data),) = heard.events
    assert (kind, data["missed"]) == ("notify.failed", ["env:DEAD_PAGER", "env:NO_SUCH_PAGER"])
    assert "hunter2" not in repr(heard.events) + repr(warned)
    await sender.close()
