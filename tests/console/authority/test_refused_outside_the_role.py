"""Roles through the commands that people type: refused with exit 3, nothing changed, people told."""

from __future__ import annotations

import asyncio
import getpass
from typing import Any

from console_command import answer, console
from pager import pager
from simulated import Simulated, running

CHANGES = ("PATCH", "PUT", "DELETE")
WRITES = ("iam.PutRolePolicy", "iam.AttachRolePolicy", "lambda.PutFunctionConcurrency")


def configure(sim: Simulated, text: str) -> None:
    sim.config_path.write_text(sim.config_path.read_text() + text)


def changed(sim: Simulated) -> list[dict[str, Any]]:
    return [r for r in sim.requests() if r["operation"] in WRITES or (r["method"] in CHANGES and r["applied"])]


async def test_outside_the_role_nothing_is_changed_and_people_are_told() -> None:
    async with running(agents=4, seed=2) as sim:
        me, spec = getpass.getuser(), sim.specs[0]
        with pager() as (url, heard):
            configure(
                sim,
                f'[notify]\nurls = ["{url}"]\n[authority]\noverride = true\n[[authority.role]]\nname = "first line"\n'
                f'principals = ["os:{me}"]\nscopes = ["agent"]\nenvironments = ["simulator"]\n',
            )
            words = ("--reason", "runaway", "--confirm", "HALT simulator")
            refused = await console(sim.config_path, "halt", "global", *words)
            assert refused.returncode == 3
            assert "may not halt global in simulator: is first line, which may not" in refused.stderr
            assert changed(sim) == []
            assert [m["title"].split(":")[0] for m in heard] == ["REFUSED"]

            heard.clear()
            await answer(sim.config_path, "halt", f"agent:{spec.name}", "--reason", "runaway", "--confirm", "yes")
            assert changed(sim)
            assert any(m["title"].startswith(f"halt of agent:{spec.name} in simulator by ") for m in heard)

            heard.clear()
            halted = await answer(sim.config_path, "halt", "global", *words, "--override", "nobody else is awake")
            assert halted["verdict"] == "stopped"
            assert halted["invoker"]["override"] == "nobody else is awake"
            assert any(m["title"].startswith("OVERRIDE: ") for m in heard)


async def test_a_role_by_the_platforms_identity() -> None:
    """Nobody of the operating system has the role; the Kubernetes group that the cluster names does."""
    async with running(agents=4, seed=2) as sim:
        configure(
            sim,
            '[authority]\n[[authority.role]]\nname = "cluster on-call"\nprincipals = ["kubernetes:oncall"]\n'
            'scopes = ["agent"]\n',
        )
        halted = await answer(
            sim.config_path, "halt", f"agent:{sim.specs[0].name}", "--reason", "r", "--confirm", "yes"
        )
        assert halted["invoker"]["role"] == "cluster on-call"
        names = {name["backend"]: name["name"] for name in halted["invoker"]["platforms"]}
        assert names["kubernetes:sim"] == "oncall@simulator"
        fits = await console(sim.config_path, "agents")
        assert (fits.returncode, "has no role" in fits.stderr) == (0, False), fits.stderr


async def test_what_does_not_fit_the_role_is_said_at_once() -> None:
    async with running(agents=2, seed=2) as sim:
        me = getpass.getuser()
        role = f'[authority]\n[[authority.role]]\nname = "on-call"\nscopes = ["agent"]\nprincipals = ["os:{me}", "kubernetes:night-shift"]\n'  # noqa: E501
        configure(sim, role)
        looked = await console(sim.config_path, "check")
        said = "kubernetes:sim takes this console for oncall@simulator, whom role on-call does not name"
        assert said in looked.stderr
        report = await answer(sim.config_path, "check", code=4)
        told = [f"{f['standing']}: {f['what']}" for f in report["findings"] if f["section"] == "identity"]
        assert f"warning: {said}" in told
        assert any(line.startswith(f"ok: {me}@") and line.endswith(", as on-call") for line in told)


async def test_a_dead_pager_never_stops_a_halt() -> None:
    async with running(agents=4, seed=2) as sim:
        configure(sim, '[notify]\nurls = ["json://127.0.0.1:9/", "env:NO_SUCH_PAGER"]\n')
        words = ("--reason", "r", "--confirm", "yes")
        halted = await console(sim.config_path, "halt", f"agent:{sim.specs[0].name}", *words)
        assert halted.returncode == 0, halted.stderr
        assert "nobody was told through json://127.0.0.1, env:NO_SUCH_PAGER" in halted.stderr
        await asyncio.sleep(0)
