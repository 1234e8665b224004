"""A halt that would hit the break-glass identity is refused whole, unless it is left out on purpose."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine_runs import halt, holding, is_held, opened, role, small_fleet, until
from killswitch_console.authority.emergency_identity import spare_break_glass
from killswitch_console.authority.glass_settings import GlassSettings
from killswitch_console.halting.engine import WouldLockOut
from killswitch_console.halting.events import EngineEvent
from killswitch_console.halting.plan import Protection
from killswitch_console.halting.verdict import Verdict
from killswitch_console.vault.credential import CredentialKind
from killswitch_console.vault.register import Entry, Register
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.scopes import Scope
from killswitch_inventory.sightings import TargetSighting
from killswitch_inventory.targets import Layer, TargetId
from scripted_platform import Thing
from virtual_loop import run

ARN = "arn:aws:iam::111122223333:role/agents/a1"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def register(folder: Path, *, role_arn: str = "", **identities: str) -> Register:
    kept = Register(folder / "breakglass.json")
    kept.put(
        Entry(
            name="aws", kind=CredentialKind.AWS_KEY, backends=("iam:prod",), vaults=("v",), enrolled_at=NOW,
            facts={"role_arn": role_arn}, identities=identities,
        )
    )  # fmt: skip
    return kept


@pytest.fixture(autouse=True)
def roles_with_arns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted platform's roles have the ARNs that AWS would tell."""
    plain = Thing.sighting

    def sighting(self: Thing) -> TargetSighting:
        seen = plain(self)
        name = seen.target.path.rpartition("/")[2]
        arn = f"arn:aws:iam::111122223333:role/agents/{name}"
        return replace(seen, identity=arn) if seen.layer is Layer.CREDENTIAL else seen

    monkeypatch.setattr(Thing, "sighting", sighting)


@pytest.mark.parametrize(
    "known",
    [
        {"role_arn": ARN},
        {"role_arn": "arn:aws:iam::111122223333:role/elsewhere", "iam": ARN},
        {"iam": "arn:aws:sts::111122223333:assumed-role/a1/killswitch-break-glass"},
    ],
)
def test_a_halt_of_the_break_glass_identity_is_refused_and_names_it(tmp_path: Path, known: dict[str, str]) -> None:
    kept = register(tmp_path, **known)

    async def main() -> None:
        async with opened(small_fleet(), tmp_path / "state", glass=GlassSettings(register=kept)) as engine:
            plan = await engine.plan(Scope.parse("global"))
            with pytest.raises(WouldLockOut, match=r"iam:prod/role/a1: it is the break-glass identity"):
                engine.check_lockout(plan)
            assert role("a1") not in {str(target.target) for target in plan.targets}
            engine.check_lockout(await engine.plan(Scope.parse("agent:a2")))

    run(main)


def test_who_joins_a_held_scope_as_the_break_glass_identity_is_left_and_named(tmp_path: Path) -> None:
    kept = register(tmp_path, role_arn=ARN)
    world, events = small_fleet(1), list[EngineEvent]()

    async def main() -> None:
        async with holding(world, tmp_path / "state", events, glass=GlassSettings(register=kept)) as engine:
            record = await halt(engine)
            await until(lambda: is_held(events))
            world.add(role("a1"), agents=["a0"])
            world.add(role("a2"), agents=["a0"])
            await asyncio.sleep(10)
            held = await engine.record(record.header.halt_id)
            assert world.thing(role("a2")).replicas == 0
            assert world.thing(role("a1")).replicas == 1, "it is the way back in"
            assert "break-glass" in {u.id: u.reason for u in held.header.untouched}[role("a1")]
            assert held.verdict is Verdict.INCOMPLETE

    run(main)


def test_protected_on_purpose_the_rest_is_halted(tmp_path: Path) -> None:
    kept = register(tmp_path, role_arn=ARN)
    protection = Protection(targets=frozenset({role("a1")}))

    async def main() -> None:
        glass = GlassSettings(register=kept)
        async with opened(small_fleet(), tmp_path / "state", glass=glass, protection=protection) as engine:
            plan = await engine.plan(Scope.parse("global"))
            engine.check_lockout(plan)
            targets = {str(one.target) for one in plan.targets}
            assert role("a1") not in targets
            assert {role("a0"), role("a2"), role("a3")} <= targets

    run(main)


def test_another_accounts_role_of_that_name_is_nobody(tmp_path: Path) -> None:
    kept = register(tmp_path, role_arn=ARN.replace("111122223333", "999999999999"))

    async def main() -> None:
        async with opened(small_fleet(), tmp_path / "state", glass=GlassSettings(register=kept)) as engine:
            plan = await engine.plan(Scope.parse("global"))
            engine.check_lockout(plan)
            assert role("a1") in {str(one.target) for one in plan.targets}

    run(main)


def test_a_register_that_cannot_be_read_is_a_risk_and_stops_no_halt(tmp_path: Path) -> None:
    kept = register(tmp_path, role_arn=ARN)
    kept.path.write_text("{")

    async def main() -> None:
        async with opened(small_fleet(), tmp_path / "state") as engine:
            plan = await spare_break_glass(await engine.plan(Scope.parse("global")), Fleet(), kept)
            assert "could not be looked up" in plan.risks[-1]
            assert TargetId.parse(role("a1")) in {target.target for target in plan.targets}

    run(main)
