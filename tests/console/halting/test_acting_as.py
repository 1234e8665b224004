"""As whom a halt would act: said by each platform, shown with the plan, and waited for no longer than the plan."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine_runs import opened, small_fleet
from killswitch_backends.problems import Unauthenticated
from killswitch_backends.protocol import Identity
from killswitch_console.cli.showing import print_plan
from killswitch_console.halting import acting_as
from killswitch_console.halting.document import plan_document
from killswitch_console.halting.happenings import plan_shown
from killswitch_console.halting.plan import ActsAs, Plan
from killswitch_console.tui.lines import plan as lines
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import BackendRef
from scripted_platform import Scripted
from virtual_loop import now, run

IAM, LAUNCHDARKLY, KUBERNETES = (BackendRef(kind, "prod") for kind in ("iam", "launchdarkly", "kubernetes"))
ARN, ACCOUNT = "arn:aws:sts::111122223333:assumed-role/oncall/ada", "111122223333"


@pytest.fixture
def platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """IAM says who we are, LaunchDarkly refuses to, the cluster never answers."""

    async def identity(self: Scripted) -> Identity:
        if self.ref == IAM:
            return Identity(ARN, ACCOUNT)
        if self.ref == LAUNCHDARKLY:
            raise Unauthenticated(str(self.ref), "expired")
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Scripted, "identity", identity)


def planned(tmp_path: Path, scope: str = "agent:a1") -> tuple[Plan, float]:
    """The plan, and how many seconds it took."""

    async def main() -> tuple[Plan, float]:
        async with opened(small_fleet(), tmp_path) as engine:
            asked = now()
            plan = await engine.plan(Scope.parse(scope))
            return plan, (now() - asked).total_seconds()

    return run(main)


def test_each_platform_in_the_plan_is_named_and_a_silent_one_delays_little(tmp_path: Path, platforms: None) -> None:
    plan, took = planned(tmp_path)
    assert plan.identities == (ActsAs(IAM, ARN, ACCOUNT), ActsAs(KUBERNETES), ActsAs(LAUNCHDARKLY))
    assert took < acting_as.GRACE_SECONDS + 0.5


def test_what_is_shown_names_account_and_arn_everywhere(
    tmp_path: Path, platforms: None, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, _ = planned(tmp_path)
    told: Any = plan_document(plan)["identities"]
    assert told[0] == {"backend": "iam:prod", "name": ARN, "account": ACCOUNT}
    assert told[1] == {"backend": "kubernetes:prod", "name": None, "account": None}
    print_plan(plan)
    said = capsys.readouterr().out
    assert f"iam:prod: {ARN} in {ACCOUNT}" in said
    assert "kubernetes:prod: not known" in said
    for shown in (lines.whole(plan, 60.0, 100), lines.acting([plan, plan], 100)):
        assert f"{ARN} in {ACCOUNT}" in "\n".join("".join(text for text, _ in line) for line in shown)
    kind, event = plan_shown(plan)
    assert (kind, event["acts_as"][0]) == ("plan.shown", f"iam:prod: {ARN} in {ACCOUNT}")


def test_only_what_the_plan_changes_something_on_is_named(tmp_path: Path, platforms: None) -> None:
    plan, _ = planned(tmp_path)
    alone = replace(plan, targets=tuple(t for t in plan.targets if t.target.backend == IAM))
    assert [one.backend for one in acting_as.acting_as(alone, ())] == [IAM]
