"""What the commands about drills share: finding a drill, starting its processes, saying how it came out."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from killswitch_backends.outside import parsed_exactly
from killswitch_console import private
from killswitch_console.drills.homes import played
from killswitch_console.drills.isolating import REAL_EVENT, run_isolated, start_isolated, to_the_real_console
from killswitch_console.drills.scenario import Scenario
from killswitch_console.drills.wire import SOCKET
from killswitch_console.hostile import clean

if TYPE_CHECKING:
    from killswitch_console.config import Configuration


def find_run(home: Path, name: str | None) -> Path:
    """The folder of a drill: as given, by its name, or the latest.

    Raises:
        ValueError: when there is none.
    """
    if name is not None:
        for folder in (Path(name).expanduser(), home / name):
            if (folder / "score.json").is_file():
                return folder
        raise ValueError(f"{name!r} is no drill that was scored")
    found = played(home)
    if not found:
        raise ValueError(f"no drill was played yet in {home}")
    return found[-1]


def read_score(folder: Path) -> dict[str, Any]:
    """A drill's score as it was kept. Raises ``OSError`` or ``ValueError``."""
    from killswitch_console.drills.scoring import Score

    content = (folder / "score.json").read_bytes()
    try:
        document: dict[str, Any] = parsed_exactly(content)
        TypeAdapter(Score).validate_python(document["score"])
        str(document["title"])
    except (ValueError, TypeError, KeyError):  # ValueError: pydantic's ValidationError is one
        raise ValueError(f"{folder / 'score.json'} is not a drill's score") from None
    return document


def say_score(folder: Path) -> None:
    """Print how a drill came out."""
    if not (folder / "score.json").is_file():
        print(f"killswitch-console: the drill was not scored; see {folder}", file=sys.stderr)  # noqa: T201
        return
    document = read_score(folder)
    result = document["score"]
    print(f"{document['title']}: {'PASSED' if result['passed'] else 'NOT PASSED'}, {result['share']:.0%}")  # noqa: T201
    for outcome in result["outcomes"]:
        mark = "+" if outcome["met"] else ("-" if outcome["must"] else "~")
        print(clean(f"  {mark} {outcome['id']}: {outcome['what']} ({outcome['why'] or 'ok'})", most=300))  # noqa: T201
    for name in ("detect", "decide", "invoke", "halt", "restore"):
        seconds = result["times"][name]
        print(f"  {name:8} {'-' if seconds is None else f'{seconds:.1f} s'}")  # noqa: T201
    if result["least_margin"] is not None:
        print(f"  least time from a last real action to the claim: {result['least_margin']:.2f} s")  # noqa: T201
    for check in result["skipped_checks"]:
        print(clean(f"  skipped: {check}", most=300))  # noqa: T201
    print(f"  events {result['event_hash'][:16]}  in {folder}")  # noqa: T201


class Noted:
    """Tells the trail of the real configuration, if there is one, that a drill takes place. Runs outside the cordon."""

    def __init__(self, configuration: Configuration | None) -> None:
        self._configuration = configuration

    def began(self, scenario: Scenario, folder: Path) -> None:
        """Before a drill."""
        self._note("drill.started", scenario, folder, {})

    def ended(self, scenario: Scenario, folder: Path) -> None:
        """After it: how it came out, and the heads of its own trail."""
        if not (folder / "score.json").is_file():
            return
        result = read_score(folder)["score"]
        told = {"why": result["ended"], "passed": result["passed"], "event_hash": result["event_hash"]}
        self._note("drill.ended", scenario, folder, told)

    def _note(self, kind: str, scenario: Scenario, folder: Path, told: dict[str, Any]) -> None:
        if self._configuration is None:
            return
        from killswitch_console.drills.noting import note_drill, receipts, what_is_played

        about = what_is_played(scenario, folder) | told
        if kind == "drill.ended":
            about["trail"] = receipts(folder)
        if why := asyncio.run(note_drill(self._configuration, kind, about)):
            print(f"killswitch-console: the drill is not noted in the trail: {clean(why, most=300)}", file=sys.stderr)  # noqa: T201


def socket_of(home: Path, name: str) -> Path:
    """The Unix socket of a drill that is being led."""
    if not name.replace("-", "").isalnum():
        raise ValueError(f"{name!r} cannot be a drill's name; expected letters, digits and '-'")
    return home / f"{name}.socket"


def lead(scenario: Scenario, folder: Path, name: str, home: Path, *, noted: Noted, plain: bool = False) -> int:
    """Lead a drill from this terminal; the exit status. ``plain``: line by line, without a screen."""
    path = socket_of(home, name)
    path.unlink(missing_ok=True)
    path.symlink_to(folder / SOCKET)
    print(f"{scenario.scenario.title}: responders join with `killswitch-console --drill {name}`")  # noqa: T201
    try:
        status = run_isolated(
            "facilitate", folder, {"sockets": [str(folder / SOCKET)], "unattended": False, "plain": plain}
        )
    finally:
        path.unlink(missing_ok=True)
    if not (folder / "score.json").is_file():
        print("nobody took part: there is nothing to score")  # noqa: T201
        return status
    noted.ended(scenario, folder)
    say_score(folder)
    return status


def join(name: str, home: Path) -> int:
    """Take part in a drill from this terminal; the exit status.

    Raises:
        ValueError: when nobody leads a drill of that name.
    """
    path = socket_of(home, name)
    if home.is_dir():
        try:
            private.check_folder(home)
        except private.NotPrivate as error:
            raise ValueError(str(error)) from None
    if not path.is_symlink():
        raise ValueError(f"nobody leads a drill {name!r} (there is no {path})")
    socket = path.readlink()
    status = run_isolated("respond", socket.parent, {"sockets": [str(socket)]})
    if status == REAL_EVENT:
        to_the_real_console()
    return status


def join_alone(scenario: Scenario, folder: Path, *, noted: Noted) -> int:
    """Play a drill alone: a world without a facilitator in the background, the console here."""
    noted.began(scenario, folder)
    asked = {"sockets": [str(folder / SOCKET)], "unattended": True}
    leader = start_isolated("facilitate", folder, asked, quiet=True)
    try:
        status = run_isolated("respond", folder, {"sockets": [str(folder / SOCKET)]})
        leader.wait(timeout=20)
    finally:
        leader.terminate()
        leader.wait()
    if status == REAL_EVENT:
        to_the_real_console()
    noted.ended(scenario, folder)
    say_score(folder)
    return read_status(folder, status)


def read_status(folder: Path, status: int) -> int:
    """The exit status of a drill that a person played: whether it was passed, if the console ended well."""
    if status != 0 or not (folder / "score.json").is_file():
        return status or 1
    return 0 if read_score(folder)["score"]["passed"] else 4
