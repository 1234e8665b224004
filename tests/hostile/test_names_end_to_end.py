"""Names and labels with teeth, through everything: platforms that carry them, screen, halt, trail, exports.

A simulator of the real wire protocols has agents whose names, classes and tenants are hostile. They are seen, halted
with a hostile reason, proven, restored and told of; nothing of them is alive on a terminal, in a table or on a page.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from console_command import CONSOLE, console
from hostile.strategies import TEETH
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from killswitch_console.audit.standalone import WHOLE, verify_export
from painted import painted
from simulated import Simulated, running

FORMULA, MARKUP, ESCAPE = (
    '=HYPERLINK("http://x","y")',
    "[bold red]stopped[/][@click=app.quit]y[/]",
    "\x1b[2J\x1b]0;x\x07",
)
BIDI, SCRIPT, LONG, NUL, HALF = "\u202estopped\u202c", "<script>alert(1)</script>", "x" * 100_000, "a\x00b", "\ud800z"

NAMES = (ESCAPE, BIDI, SCRIPT, FORMULA, MARKUP, NUL, HALF, "../../etc/passwd", "e" + "\u0301" * 300, "a\r\nb: c")
REASON = "".join(teeth for teeth in TEETH if "\x00" not in teeth) + "\u202e" * 100
ALIVE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def fleet() -> list[AgentSpec]:
    """Agents whose class and tenant are hostile, each on another platform; and one that nobody gave teeth."""
    runtimes = (Runtime.KUBERNETES, Runtime.LAMBDA)
    hostile = [
        AgentSpec(
            name=f"agent-{number}",
            agent_class=name,
            tenant=LONG if number == 0 else NAMES[-number],
            runtime=runtimes[number % 2],
            namespace="payments" if number % 2 == 0 else "",
            role=f"role-{number}" if number in (2, 3) else None,  # IAM speaks XML, which cannot carry the others
            flag=f"flag-{number}",
            grace=1.0,
            tick=0.5,
            timeout=1,
        )
        for number, name in enumerate(NAMES)
    ]
    return [
        *hostile,
        AgentSpec(name="plain", agent_class="plain", tenant="plain", runtime=Runtime.KUBERNETES, namespace="payments"),
    ]


async def said(sim: Simulated, *words: str, code: int = 0) -> str:
    """What a command prints for people: lines without anything alive in them."""
    done = await console(sim.config_path, *words)
    assert done.returncode == code, done.stderr
    assert not ALIVE.search(done.stdout + done.stderr), ALIVE.findall(done.stdout + done.stderr)
    assert max(map(len, done.stdout.splitlines()), default=0) < 4_000
    return done.stdout


@pytest.mark.long
async def test_nothing_of_hostile_names_is_alive_anywhere(tmp_path: Path) -> None:
    async with running(specs=fleet()) as sim:
        assert "plain" in await said(sim, "agents")
        done = await console(sim.config_path, "agents", "--json")
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)) == len(sim.specs)
        await on_a_terminal(sim)
        words = ("halt", "global", "--reason", REASON, "--incident", FORMULA, "--confirm", "HALT simulator")
        done = await console(sim.config_path, *words, "--accept-collateral", "--json")
        assert done.returncode == 0, done.stderr
        assert not ALIVE.search(done.stdout), "JSON is ASCII"
        assert all(agent["running"] == 0 for agent in sim.truth().values())
        halt = json.loads(done.stdout)["halt_id"]
        await said(sim, "status", halt)
        await said(sim, "audit", "list", "--limit", "1000")
        await said(sim, "audit", "verify", "--offline")
        await exported(sim, tmp_path / "bundle.zip")
        await said(sim, "restore", halt, "--reason", REASON, "--confirm", "RESTORE simulator")
        await sim.all_acting()


async def on_a_terminal(sim: Simulated) -> None:
    """The tree of the console itself, all of it opened, and every agent's own page."""
    async with painted([str(CONSOLE), "--config", str(sim.config_path)], size=(100, 30)) as screen:
        await screen.shows(f"{len(sim.specs)} agents", within=90)
        screen.press(b"*")
        for _ in range(2 * len(sim.specs)):
            screen.press(b"j")
        await screen.quiet(1.0)
        screen.press(b"q")
        assert await screen.end() == 0
        sent = screen.painted().decode("utf-8", "surrogateescape")
    assert "\x1b]0;" not in sent, "a title was set"
    assert not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", sent)
    assert not re.search("[\x80-\x9f]", sent)
    assert "\\x1b[2J" in sent, "it is shown as what it is"


async def exported(sim: Simulated, out: Path) -> None:
    """All formats at once: a bundle has them."""
    await said(sim, "audit", "export", "--format", "bundle", "--output", str(out))
    assert verify_export(out) == WHOLE
    with zipfile.ZipFile(out) as archive:
        files: dict[str, str] = {name: archive.read(name).decode() for name in archive.namelist() if "." in name}
    for cells in csv.reader(io.StringIO(files["events.csv"])):
        assert not any(cell.lstrip(" '\"").startswith(tuple("=+-@")) and not cell.startswith("'") for cell in cells)
        assert not ALIVE.search("".join(cells))
    html = files["timeline.html"]
    assert not ALIVE.search(html)
    assert not re.search(r"<(script|img|a|iframe)\b", html)
    documents: list[Any] = [json.loads(line) for line in files["ocsf.jsonl"].splitlines()]
    assert not ALIVE.search("".join(text for document in documents for text in texts(document)))


def texts(value: Any) -> list[str]:
    """All texts in a document."""
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [value] if isinstance(value, str) else []
