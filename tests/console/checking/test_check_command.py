"""``check`` through the command: what is wrong is found, nothing is changed, monitoring can read it."""

from __future__ import annotations

import asyncio
import getpass
import json
from datetime import timedelta
from typing import Any

import pytest
import yaml

from console_command import answer, console
from killswitch_backends.simulator.kubernetes.access import Denial
from simulated import Simulated, running
from worldview import aws_client, worldview

PRACTICE = ("scope ", "backend ", "the last whole restore")


def said(report: dict[str, Any], standing: str) -> list[str]:
    """What was found of a standing, but for what only practice can mend."""
    wrong = [f for f in report["findings"] if f["standing"] == standing and not f["what"].startswith(PRACTICE)]
    return [f"{f['subject']}: {f['what']}" for f in wrong]


def operations(sim: Simulated) -> set[str]:
    return {r["operation"] for r in sim.requests() if r["applied"] and r["method"] in ("PATCH", "PUT", "DELETE")}


async def test_a_sound_installation_lacks_practice_only_and_nothing_is_changed() -> None:
    async with running(agents=6, seed=3) as sim:
        arranged = (
            f'[notify]\nurls = ["json://127.0.0.1:9/"]\n[restore]\ntwo_person = ["global"]\n[authority]\n'
            f'[[authority.role]]\nname = "r"\nprincipals = ["os:{getpass.getuser()}"]\nscopes = ["global"]\n'
        )
        sim.config_path.write_text(sim.config_path.read_text() + arranged)
        before = await asyncio.to_thread(worldview, sim)
        metrics = sim.tmp / "killswitch.prom"
        report = await answer(sim.config_path, "check", "--prometheus", str(metrics), code=4)
        assert said(report, "problem") == []
        left = [
            line
            for line in said(report, "warning")
            if not line.startswith(("launchdarkly:", "vault:", "trail: it is on this machine only"))
        ]
        assert (
            left
            == [
                "iam:sim: no break-glass credential opens it",
                "kubernetes:sim: no break-glass credential opens it",
                "lambda:sim: no break-glass credential opens it",
            ][: len(left)]
        )
        text = metrics.read_text()
        assert 'killswitch_check_standing{section="coverage"} 0' in text
        assert "killswitch_check_green 0" in text
        assert await asyncio.to_thread(worldview, sim) == before
        table = await console(sim.config_path, "check")
        assert table.returncode == 4
        assert "NOT ALL GREEN" in table.stdout


async def test_missing_rights_are_named_exactly() -> None:
    async with running(agents=6, seed=3) as sim:
        sim.inside(lambda s: s.faces[0].access.deny(Denial(verb="patch", resource="deployments", group="apps")))  # type: ignore[attr-defined]
        report = await answer(sim.config_path, "check", code=4)
        assert "kubernetes:sim: may not patch deployments in every namespace: cannot stop Deployments" in said(
            report, "problem"
        )


async def test_what_hangs_on_login_without_break_glass_is_red() -> None:
    """Everyday credentials behind an exec plugin are fine, until login is down and nothing else opens the cluster."""
    async with running(agents=4, seed=3) as sim:
        kubeconfig = next(path for path in sim.tmp.rglob("kubeconfig"))
        document = yaml.safe_load(kubeconfig.read_text())
        token = document["users"][0]["user"]["token"]
        answering = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": {"token": token},
        }
        plugin = {"apiVersion": answering["apiVersion"], "command": "echo", "args": [json.dumps(answering)]}
        document["users"][0]["user"] = {"exec": {**plugin, "interactiveMode": "Never"}}
        kubeconfig.write_text(yaml.safe_dump(document))
        report = await answer(sim.config_path, "check", code=4)
        red = said(report, "problem")
        assert red == [
            "kubernetes:sim: credentials hang on the exec plugin echo, and no break-glass credential opens it"
        ]
        assert report["sections"]["independence"] == "problem"
        assert "kubernetes:sim: is reached, and was listed whole" in said(report, "ok")


async def test_a_denied_action_is_found_by_iams_own_simulator() -> None:
    document = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["lambda:PutFunctionConcurrency",'
        '"iam:PutRolePolicy"],"Resource":"*"}]}'
    )

    def deny(sim: Simulated) -> None:
        iam = aws_client(sim, "iam")
        iam.put_user_policy(UserName="killswitch-operator", PolicyName="less", PolicyDocument=document)
        iam.close()

    async with running(agents=6, seed=3) as sim:
        await asyncio.to_thread(deny, sim)
        report = await answer(sim.config_path, "check", code=4)
        problems = said(report, "problem")
        assert "lambda:sim: may not lambda:PutFunctionConcurrency: cannot stop functions" in problems
        assert any(line.startswith("iam:sim: may not iam:PutRolePolicy") for line in problems)


async def test_what_nothing_can_stop_and_what_cannot_be_reached() -> None:
    async with running(agents=6, seed=3, uncovered=2) as sim:
        sim.faults.add(operation="launchdarkly", kind="error", status=401)
        report = await answer(sim.config_path, "check", code=4)
        problems = said(report, "problem")
        assert any("agents have no process layer and can at most be limited" in line for line in problems)
        assert any(line.startswith("launchdarkly:sim: ") for line in problems)
        assert report["sections"]["platforms"] == "problem"


@pytest.mark.parametrize(
    ("apart", "standing"), [(0, "ok"), (-3, "ok"), (30, "warning"), (-30, "warning"), (400, "problem")]
)
def test_clocks(apart: int, standing: str) -> None:
    from datetime import UTC, datetime

    from killswitch_backends.clocks import server_time, skew

    told = server_time("Sun, 22 Nov 2026 15:00:00 GMT")
    now = datetime(2026, 11, 22, 15, 0, 0, tzinfo=UTC) + timedelta(seconds=apart)
    assert skew("x", told, now).standing == standing
    assert server_time("yesterday") is None
