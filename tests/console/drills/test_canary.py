"""Canary drills on platforms that are real to the console: halted, proven, put back; anything else aborts untouched."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from aws_servers import Server, moto_server
from console_command import CONSOLE
from emulated_account import TAGS, configure, state_of
from killswitch_backends.simulator.kubernetes import access
from killswitch_console.cli.main import main
from simulated import Simulated, running
from worldview import aws_client, difference, worldview

SCENARIO = """\
[scenario]
id = "canary"
title = "The whole path, on canaries"
mode = "canary"
duration = "{duration}"
narrative = "Halt the canary, prove it, put it back."
[[expect]]
id = "stopped"
event = "halt.ended"
scope = "{scope}"
verdict = "stopped"
[[expect]]
id = "back"
event = "restore.ended"
scope = "{scope}"
verdict = "restored"
[[answer]]
id = "stop"
at = "0s"
do = "halt"
scope = "{scope}"
reason = "nightly proof"
[[answer]]
id = "back"
when = {{ event = "halt.ended", scope = "{scope}" }}
do = "restore"
scope = "{scope}"
"""

CANARY = {"killswitch-canary": "true"}


def scenario(folder: Path, scope: str, *, duration: str = "2m") -> Path:
    path = folder / "canary.toml"
    path.write_text(SCENARIO.format(scope=scope, duration=duration))
    return path


def allow(config: Path, *, allowed: bool = True) -> None:
    """Have the configuration allow canary drills, or not."""
    text = config.read_text().replace("\n[drill]\ncanary = true\n", "")
    config.write_text(text + ("\n[drill]\ncanary = true\n" if allowed else ""))


def run(config: Path, file: Path, *words: str, allowed: bool = True) -> int:
    """``drill run --canary`` as cron runs it: without a terminal."""
    allow(config, allowed=allowed)
    home = config.parent / "drills"
    command = ["drill", "run", "--canary", str(file), "--config", str(config), "--home", str(home), *words]
    return main(command)


def trail_of(config: Path) -> list[dict[str, Any]]:
    """Every event of the configuration's trail."""
    (volume,) = (config.parent / "state/audit").glob("*.sqlite3")
    with closing(sqlite3.connect(volume)) as trail:
        return [json.loads(row[0]) for row in trail.execute("SELECT body FROM event ORDER BY seq")]


def tag_deployment(sim: Simulated, name: str, value: str | None) -> None:
    spec = next(spec for spec in sim.specs if spec.name == name)
    path = f"{sim.url}/kubernetes/apis/apps/v1/namespaces/{spec.namespace}/deployments/{name}"
    headers = {"Authorization": f"Bearer {access.TOKEN}", "Content-Type": "application/merge-patch+json"}
    body = {"metadata": {"labels": {"killswitch-canary": value}}}
    urlopen(Request(path, json.dumps(body).encode(), headers, method="PATCH"), timeout=10).close()


def tag_role(sim: Simulated, role: str) -> None:
    with closing(aws_client(sim, "iam")) as iam:
        iam.tag_role(RoleName=role, Tags=[{"Key": key, "Value": value} for key, value in CANARY.items()])


def tag_flag(sim: Simulated, flag: str) -> None:
    from killswitch_backends.simulator.launchdarkly import accounts
    from killswitch_backends.simulator.seams import PROJECT

    headers = {"Authorization": accounts.TOKEN, "Content-Type": "application/json"}
    path = f"{sim.url}/launchdarkly/api/v2/flags/{PROJECT}/{flag}"
    body = [{"op": "add", "path": "/tags/-", "value": "killswitch-canary"}]
    urlopen(Request(path, json.dumps(body).encode(), headers, method="PATCH"), timeout=10).close()


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulated]:
    with asyncio.Runner() as runner:
        lent = running(agents=4, seed=3)
        simulated = runner.run(lent.__aenter__())
        spec = simulated.spec()
        tag_deployment(simulated, spec.name, "true")
        tag_role(simulated, str(spec.role))
        tag_flag(simulated, str(spec.flag))
        try:
            yield simulated
        finally:
            runner.run(lent.__aexit__(None, None, None))


MUTATIONS = ("PATCH", "PUT", "POST", "DELETE")


def changes(sim: Simulated) -> list[str]:
    """Requests that changed something, since it was asked last; questions that are asked by POST are none."""
    asked = ("selfsubject", "launchdarkly.get", "List", "Get", "Simulate", "sts.", "report")
    found = [
        f"{r['method']} {r['operation']}"
        for r in sim.requests()
        if r["method"] in MUTATIONS and not any(word in r["operation"] for word in asked)
    ]
    sim.forget_requests()
    return found


def test_canaries_on_all_platforms_are_halted_proven_and_put_back(
    sim: Simulated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = sim.config_path
    name = sim.spec().name
    before = worldview(sim)
    sim.forget_requests()
    assert run(config, scenario(tmp_path, f"agent:{name}"), "--confirm", "yes") == 0, capsys.readouterr().err
    assert changes(sim)
    assert difference(before, worldview(sim)) == {}
    shown = capsys.readouterr().out
    assert f"CANARY DRILL in simulator: halt and put back agent:{name}" in shown
    assert "PASSED" in shown
    events = trail_of(config)
    assert {"drill.started", "halt.confirmed", "restore.ended", "drill.ended"} <= {e["kind"] for e in events}
    assert all(e["drill"] for e in events)
    (folder,) = (config.parent / "drills").iterdir()
    assert main(["drill", "report", str(folder)]) == 0
    assert "evidence is in the trail" in (folder / "report.md").read_text()
    (ended,) = [e for e in events if e["kind"] == "drill.ended"]
    assert ended["data"]["event_hash"] == json.loads((folder / "score.json").read_text())["score"]["event_hash"]


@pytest.mark.parametrize("scope", ["agent", "class", "global"])
def test_anything_else_aborts_before_anything_is_changed(
    sim: Simulated, tmp_path: Path, capsys: pytest.CaptureFixture[str], scope: str
) -> None:
    canary, other = sim.spec(), sim.spec(number=1)
    scopes = {
        "agent": (f"agent:{other.name}", "yes"),
        "class": (f"class:{canary.agent_class}", canary.agent_class),
        "global": ("global", "HALT simulator"),
    }
    wanted, confirm = scopes[scope]
    if scope == "class":  # one canary that lost its tag, and another agent's role
        tag_deployment(sim, canary.name, None)
    before = worldview(sim)
    sim.forget_requests()
    try:
        assert run(sim.config_path, scenario(tmp_path, wanted), "--confirm", confirm) == 3
    finally:
        tag_deployment(sim, canary.name, "true")
    said = capsys.readouterr().err
    assert "is not tagged killswitch-canary=true" in said
    assert "nothing was changed" in said
    assert [change for change in changes(sim) if "deployments" not in change] == []
    if scope != "class":
        assert difference(before, worldview(sim)) == {}


def test_it_is_asked_for_and_allowed_or_refused(
    sim: Simulated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = scenario(tmp_path, f"agent:{sim.spec().name}")
    sim.forget_requests()
    assert run(sim.config_path, file) == 3
    assert "needs a confirmation: --confirm 'yes'" in capsys.readouterr().err
    assert run(sim.config_path, file, "--confirm", "yes", allowed=False) == 3
    assert "[drill] canary = true" in capsys.readouterr().err
    assert run(sim.config_path, file, "--preview") == 0
    assert "TARGET" in capsys.readouterr().out
    assert changes(sim) == []


def test_a_drill_whose_time_is_over_puts_back_what_it_halted(
    sim: Simulated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The time is over before the script restores; the drill itself puts it back, and fails."""
    name = sim.spec().name
    before = worldview(sim)
    short = scenario(tmp_path, f"agent:{name}", duration="1s")
    assert run(sim.config_path, short, "--confirm", "yes") == 4
    assert "NOT PASSED" in capsys.readouterr().out
    assert difference(before, worldview(sim)) == {}


def killed_in_mid_halt(sim: Simulated, tmp_path: Path) -> None:
    """A canary drill in a process of its own, ended by ``kill -9`` once its halt has changed something."""
    allow(sim.config_path)
    sim.forget_requests()
    name, home = sim.spec().name, tmp_path / "drills"
    file = scenario(tmp_path, f"agent:{name}", duration="5m")
    words = ["drill", "run", "--canary", file, "--confirm", "yes", "--config", sim.config_path, "--home", home]
    with subprocess.Popen(
        [CONSOLE, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as drill:
        deadline = time.monotonic() + 60
        while not changes(sim):
            assert time.monotonic() < deadline, "it never began to halt"
            assert drill.poll() is None, "it ended by itself"
            time.sleep(0.01)
        drill.kill()
    assert drill.returncode == -signal.SIGKILL


def test_what_a_drill_that_was_killed_left_is_put_back_by_the_next(sim: Simulated, tmp_path: Path) -> None:
    before = worldview(sim)
    killed_in_mid_halt(sim, tmp_path)
    assert difference(before, worldview(sim)) != {}
    assert run(sim.config_path, scenario(tmp_path, f"agent:{sim.spec().name}"), "--preview") == 0
    assert difference(before, worldview(sim)) == {}


def test_what_a_drill_that_was_killed_left_is_finished_and_restored_by_hand(
    sim: Simulated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = worldview(sim)
    killed_in_mid_halt(sim, tmp_path)
    config = ["--config", str(sim.config_path)]
    capsys.readouterr()
    assert main(["status", "--json", *config]) == 0
    halt_id = json.loads(capsys.readouterr().out)[-1]["halt_id"]
    assert main(["resume", halt_id, "--json", *config]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "stopped"
    assert main(["restore", halt_id, "--reason", "killed drill", "--confirm", "yes", "--json", *config]) == 0
    assert difference(before, worldview(sim)) == {}


def test_a_drill_that_is_told_to_end_puts_everything_back(sim: Simulated, tmp_path: Path) -> None:
    """As cron's process, ended by SIGTERM while the canary is halted."""
    allow(sim.config_path)
    before = worldview(sim)
    name, home = sim.spec().name, tmp_path / "drills"
    file = scenario(tmp_path, f"agent:{name}", duration="5m")
    file.write_text(file.read_text() + 'delay = "4m"\n')
    words = ["drill", "run", "--canary", file, "--confirm", "yes", "--config", sim.config_path, "--home", home]
    with subprocess.Popen(
        [CONSOLE, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as run:
        deadline = time.monotonic() + 60
        while not any("halt.ended" in log.read_text() for log in home.glob("*/log.jsonl")):
            assert time.monotonic() < deadline, "it was never halted"
            assert run.poll() is None, "it ended by itself"
            time.sleep(0.1)
        assert difference(before, worldview(sim)) != {}
        run.send_signal(signal.SIGTERM)
        assert "aborted: told to end" in str(run.communicate(timeout=60)[0])
    assert run.returncode == 4
    assert difference(before, worldview(sim)) == {}


def test_on_moto(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An emulator that is not ours stands in for a real account: function and role, halted, proven, put back."""
    with moto_server(tmp_path) as server:
        server.make_function("refund-1", server.make_role("refund-1-role", tags=TAGS | CANARY), tags=TAGS | CANARY)
        config = configure(server, tmp_path / "config.toml")
        before = state_of(server)
        file = scenario(tmp_path, "agent:refund-1")
        assert run(config, file, "--confirm", "yes") == 0, capsys.readouterr().err
        assert state_of(server) == before
        abort_on_moto(server, config, file, capsys)


def abort_on_moto(server: Server, config: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The role is a canary no more: the function alone must not be halted either."""
    server.client("iam").untag_role(RoleName="refund-1-role", TagKeys=["killswitch-canary"])
    before = state_of(server)
    assert run(config, file, "--confirm", "yes") == 3
    assert "iam:test/role/refund-1-role: is not tagged killswitch-canary=true" in capsys.readouterr().err
    assert state_of(server) == before
