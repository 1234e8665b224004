"""Files of somebody hostile (configuration, scenarios, recordings, a vault, the last fleet), and a drill's socket."""

from __future__ import annotations

import asyncio
import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hostile.strategies import JUNK, anything, examples, spoilt, text
from killswitch_backends.outside import parsed
from killswitch_console.audit.playing import load
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.config import load_configuration
from killswitch_console.config_files import ConfigurationError
from killswitch_console.drills.facing import read_score
from killswitch_console.drills.reading import ScenarioError, read_scenario
from killswitch_console.drills.wire import lines
from killswitch_console.halting.last_known import LastKnown
from killswitch_console.halting.lease import Leases, Work
from killswitch_console.tui.last_frame import FILE, recall
from killswitch_console.vault.sealing import NotSealed, header_of, seal
from killswitch_inventory.targets import BackendRef

BOMBS = (
    "a = " + "[" * 100_000,
    "a = " + "9" * 10_000,
    "a.b.c" + ".d" * 5_000 + " = 1",
    "[" * 50_000,
    "\x00",
    "environment = 1979-02-30",
    'environment = "\x1b[2J"',
    "[[kubernetes]]\nname = 5",
    '[[kubernetes]]\nname = "../../x"',
    "environment = nan\n[slo]\nagent = -inf",
)
toml = st.one_of(st.sampled_from(BOMBS), text, st.lists(text, max_size=5).map("\n".join))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hostile.toml"


def written(file: Path, content: str) -> Path:
    """A file of this text, halves of surrogate pairs and all."""
    file.write_bytes(content.encode("utf-8", "surrogatepass"))
    return file


def told(read: Callable[[Path], object], file: Path, *errors: type[Exception]) -> str:
    """What is said of a file that cannot be read; its name where it can."""
    try:
        read(file)
    except errors as error:
        return str(error)
    return str(file)


@examples(60)
@given(toml)
def test_a_configuration_is_read_or_refused_with_its_file(file: Path, content: str) -> None:
    assert str(file) in told(load_configuration, written(file, content), ConfigurationError)


@examples(60)
@given(toml)
def test_a_scenario_is_read_or_refused(file: Path, content: str) -> None:
    with pytest.raises(ScenarioError):
        read_scenario(written(file, content))


_CAST = '{"version": 2, "width": 80, "height": 24}\n[0.1, "o", "x"]\n'


@examples(60)
@given(st.one_of(anything.map(json.dumps), text))
@example("[" * 100_000)
@example('[1e999, "o", "x"]')
@example('[{}, "o", "x"]')
@example('[NaN, "o", "x"]')
def test_a_recording_is_read_up_to_what_cannot_be(file: Path, line: str) -> None:
    assert load(written(file, _CAST + line))[0] == (0.1, "o", "x")
    assert str(file) in told(load, written(file, line), TrailUnavailable)


SEALED = json.loads(seal(bytearray(b"secret"), bytearray(b"passphrase")).partition(b"\n")[0])


@examples(60)
@given(spoilt(SEALED))
@example((("memory_kib",), SEALED | {"memory_kib": 2**40}))
@example((("passes",), SEALED | {"passes": 10**9}))
def test_a_sealed_file_asks_for_no_more_than_its_bounds(lie: tuple[Any, Any]) -> None:
    try:
        header = header_of(json.dumps(lie[1]).encode() + b"\nAAAA")
    except NotSealed:
        return
    assert header.memory_kib <= 2**22
    assert header.passes * header.memory_kib <= 2**28


@pytest.mark.parametrize("content", JUNK, ids=range(len(JUNK)))
def test_a_vault_file_that_is_junk_is_not_sealed(content: bytes) -> None:
    with pytest.raises(NotSealed):
        header_of(content + b"\n")


@examples(40)
@given(st.one_of(st.sampled_from(JUNK), anything.map(lambda value: json.dumps(value).encode())))
def test_a_drills_socket_hears_objects_or_hangs_up(said: bytes) -> None:
    async def hear() -> list[Any]:
        reader = asyncio.StreamReader()
        reader.feed_data(b'{"say": "ready"}\n' + said + b"\n")
        reader.feed_eof()
        return [words async for words in lines(reader)]

    found = asyncio.run(hear())
    assert found[0] == {"say": "ready"}
    assert all(isinstance(words, dict) for words in found)


@examples(40)
@given(anything)
def test_json_from_outside_is_a_value_that_can_be_written(value: Any) -> None:
    try:
        found = parsed(json.dumps(value))
    except ValueError:
        return
    written = json.dumps(found, ensure_ascii=False)
    assert json.dumps(json.loads(written.encode()), ensure_ascii=False) == written


@pytest.mark.parametrize("content", JUNK, ids=range(len(JUNK)))
async def test_a_last_known_fleet_that_is_junk_is_none(tmp_path: Path, content: bytes) -> None:
    last_known = LastKnown(tmp_path)
    ref = BackendRef("kubernetes", "prod")
    path = last_known._file(ref)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_bytes(b'"2026-11-22T12:00:00Z"\n' + content + b"\n")
    path.chmod(0o600)
    assert await last_known.recall(ref) is None if content.strip() else True


@pytest.mark.parametrize(
    "content", [*JUNK, b'{"score": 5}', b'{"score": {"times": []}, "title": "x"}'], ids=range(len(JUNK) + 2)
)
def test_a_score_that_is_none_is_refused_with_its_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "score.json").write_bytes(content)
    with pytest.raises(ValueError, match="score"):
        read_score(tmp_path)


@pytest.mark.parametrize("content", JUNK, ids=range(len(JUNK)))
def test_what_lies_in_the_state_directory_as_junk_is_not_there(tmp_path: Path, content: bytes) -> None:
    """The fleet that the first frame shows, and who has a lease."""
    tmp_path.chmod(0o700)
    (tmp_path / "leases").mkdir(mode=0o700)
    for name in ("leases/H1", FILE):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    assert recall(tmp_path) is None
    assert Leases(tmp_path).holder("H1") is None  # nobody has its lock, whatever stands in it
    with (tmp_path / "leases/H1").open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        holder = Leases(tmp_path).holder("H1")
    assert holder is not None
    assert holder.work is Work.HALT
