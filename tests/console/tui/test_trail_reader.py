"""What the audit screen reads: pages, what came since, and places that are others once an old volume was retired."""

from __future__ import annotations

from pathlib import Path

from console.tui.still import NOW
from killswitch_console.audit.asking import read_question, worded
from killswitch_console.audit.maintaining import rotate
from killswitch_console.audit.reading import Selection
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.tui.trail_reader import TrailReader
from trails import a_session, drafts, trail_of


async def grown(directory: TrailDirectory, count: int) -> None:
    async with trail_of(directory) as (trail, session):
        await trail.append(drafts(session, count))


def at(reader: TrailReader, row: int) -> tuple[int, object]:
    """The place in its volume and the number of the event in a row."""
    known = reader.known(row)
    assert known is not None
    event = known[0]
    assert event is not None
    return event.seq, event.fields["data"].get("n")


async def test_rows_go_on_over_volumes_the_newest_first(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await grown(directory, 150)
    await rotate(directory, a_session(), directory.signer())
    await grown(directory, 30)
    reader = TrailReader(directory, ())
    assert await reader.look() == 152 + 31
    assert reader.known(0) is None
    await reader.fetch(range(40))
    assert at(reader, 0) == (31, 29)
    assert at(reader, 30) == (1, None)
    assert at(reader, 31) == (152, None), "the older volume's last event: it was closed"
    assert at(reader, 32) == (151, 149)
    await grown(directory, 5)
    assert await reader.look() == 5
    await reader.fetch(range(10))
    assert at(reader, 0) == (36, 4)
    assert at(reader, 5) == (31, 29)
    await reader.close()


async def test_places_are_others_once_the_oldest_volume_is_gone(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await grown(directory, 50)
    await rotate(directory, a_session(), directory.signer())
    await grown(directory, 20)
    reader = TrailReader(directory, ())
    await reader.look()
    await reader.fetch(range(10))
    directory.volumes()[0].unlink()
    assert await reader.look() < 0
    assert reader.known(0) is None, "what was read stood in other places"
    await reader.fetch(range(10))
    assert (at(reader, 0), reader.count) == ((21, 19), 21)
    await reader.close()


async def test_a_search_tells_as_it_goes_and_finds_what_came_since(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await grown(directory, 100)
    reader = TrailReader(directory, ())
    await reader.look()
    heard: list[int] = []
    wanted = Selection(text="deployment/D7")
    await reader.find(wanted, lambda: heard.append(reader.count))
    await reader.fetch(range(reader.count))
    assert sorted(at(reader, row)[1] for row in range(reader.count)) == [7, *range(70, 80)]  # type: ignore[type-var]
    assert (heard, reader.left) == ([11], 0)
    before = reader.total
    await grown(directory, 8)
    await reader.look()
    assert await reader.find_more(wanted, before) == 1
    reader.everything()
    assert reader.count == reader.total == 109
    await reader.close()


def test_a_line_is_a_question() -> None:
    assert read_question('by:alice "no pod" INC since:7d', NOW) == Selection(
        actor="alice", text="no pod INC", since="2026-11-15T03:04:05.000000Z"
    )
    assert read_question("https://x class:refund", NOW).text == "https://x class:refund"
    assert read_question("scope:class:refund 100%_!", NOW) == Selection(scope="class:refund", text="100%_!")
    assert worded("by:alice timeout", "incident", "INC 1") == 'by:alice timeout incident:"INC 1"'
    assert worded('by:alice incident:"INC 1"', "incident", "INC 1") == "by:alice"
    assert worded("by:alice", "by", "bob") == "by:bob"
