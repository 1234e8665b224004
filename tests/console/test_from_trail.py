"""A bastion that is gone: its halt is restored, and a restore approved, through the synchronised trail (moto's S3)."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from aws_servers import REGION, Server, moto_server
from killswitch_console.assembling import engine_settings
from killswitch_console.audit.anchoring import anchor
from killswitch_console.audit.assembling import trail_directory
from killswitch_console.audit.object_store import open_store
from killswitch_console.audit.other_trails import read_directory, read_store
from killswitch_console.audit.remembering import NotRemembered, remembered
from killswitch_console.audit.settings import S3
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.authority.invoker import Invoker
from killswitch_console.cli.elsewhere import hear_second_person, know_from_trail
from killswitch_console.config import Configuration, load_configuration
from killswitch_console.halting.approving import ApprovalNeeded
from killswitch_console.halting.engine import Engine, UnknownHalt, open_engine
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from simulated import Simulated, running
from trails import bodies, drafts, trail_of, verifier_of
from worldview import difference, worldview

ALICE = Invoker(os_user="alice", uid=1000, host="bastion-a")
BOB = Invoker(os_user="bob", uid=2000, host="bastion-b")


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with moto_server(tmp_path_factory.mktemp("moto")) as server:
        yield server


@dataclass
class Bastion:
    """One configuration with a state directory of its own, on the same platforms and the same bucket."""

    config: Path

    @property
    def settled(self) -> Configuration:
        return load_configuration(self.config)

    @property
    def key(self) -> str:
        """The public key that its trail is signed with."""
        return trail_directory(self.settled).verifier_file.read_text().strip()

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        async with open_engine(engine_settings(self.settled)) as engine:
            await engine.discover()
            yield engine

    def options(self, halt_id: str, *keys: str, where: str | None = "s3") -> argparse.Namespace:
        return argparse.Namespace(halt=halt_id, from_trail=where, key=list(keys), only=None)


def bastion(sim: Simulated, moto: Server, name: str, *more: str) -> Bastion:
    lines = [line for line in sim.config_path.read_text().splitlines() if not line.startswith("state_dir")]
    text = "\n".join(lines).replace("propagation_seconds = 10", "propagation_seconds = 1")
    path = sim.tmp / f"{name}.toml"
    trail = f"""
[audit.s3]
bucket = "{sim.tmp.name.replace("_", "-").lower()}"
region = "{REGION}"
endpoint_url = "{moto.url}"
profile = "test"
credentials_file = "{moto.credentials_file}"
"""
    path.write_text(f'state_dir = "{sim.tmp / name}"\n{text}\n{trail}\n' + "\n".join(more))
    return Bastion(path)


@asynccontextmanager
async def two_bastions(moto: Server, *more: str) -> AsyncIterator[tuple[Simulated, Bastion, Bastion]]:
    async with running(agents=4, seed=1) as sim:
        ours, theirs = bastion(sim, moto, "ours", *more), bastion(sim, moto, "theirs", *more)
        moto.client("s3").create_bucket(
            Bucket=ours.settled.document.audit.s3.bucket,  # type: ignore[union-attr]
            ObjectLockEnabledForBucket=True,
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
        yield sim, ours, theirs


async def halted(engine: Engine, scope: str) -> HaltRecord:
    plan = await engine.plan(Scope.parse(scope))
    return await engine.halt(plan, invoker=ALICE, reason="test", accept_collateral=True, timeout=1.0)


def priors(record: HaltRecord) -> dict[str, object]:
    return {str(t.target): t.captured and t.captured.prior for t in record.targets}


async def test_a_halt_is_restored_from_the_synchronised_trail_alone(moto: Server) -> None:
    async with two_bastions(moto) as (sim, ours, theirs):
        before = await asyncio.to_thread(worldview, sim)
        async with ours.engine() as engine:
            record = await halted(engine, "global")
        halt_id = record.header.halt_id
        async with theirs.engine() as engine:
            with pytest.raises(UnknownHalt, match="believed"):
                await know_from_trail(engine, theirs.options(halt_id), theirs.settled)
            await know_from_trail(engine, theirs.options(halt_id, ours.key), theirs.settled)
            known = await engine.record(halt_id)
            assert (known.header.scope, known.header.invoker.os_user) == (Scope.parse("global"), "alice")
            assert known.header.agents == tuple(sorted(record.header.agents))
            assert priors(known) == priors(record)
            assert not known.kept, "what another bastion halted is not held here"
            back = await engine.restore(halt_id, invoker=BOB, reason="its bastion is gone")
            assert back.verdict is Verdict.RESTORED
        assert not difference(before, await asyncio.to_thread(worldview, sim))
        both = [*bodies(trail_directory(ours.settled)), *bodies(trail_directory(theirs.settled))]
        assert {t.state for t in remembered(halt_id, both).targets} == {TargetState.RESTORED}


async def test_a_second_person_agrees_on_another_bastion(moto: Server) -> None:
    async with two_bastions(moto, "[restore]", 'two_person = ["agent"]') as (sim, ours, theirs):
        async with ours.engine() as engine:
            record = await halted(engine, f"agent:{sim.specs[0].name}")
        halt_id = record.header.halt_id
        async with theirs.engine() as engine:
            await know_from_trail(engine, theirs.options(halt_id, ours.key), theirs.settled)
            await engine.approve(halt_id, invoker=BOB)
        async with ours.engine() as engine:
            await hear_second_person(engine, ours.options(halt_id), ours.settled)
            with pytest.raises(ApprovalNeeded, match="nobody approved"):
                await engine.restore(halt_id, invoker=ALICE, reason="over")
            await hear_second_person(engine, ours.options(halt_id, theirs.key), ours.settled)
            await hear_second_person(engine, ours.options(halt_id, theirs.key), ours.settled)
            known = await engine.record(halt_id)
            assert [a.approver.person for a in known.approvals] == ["bob"]
            with pytest.raises(ApprovalNeeded, match="cannot restore it alone"):
                await engine.restore(halt_id, invoker=BOB, reason="over")
            assert (await engine.restore(halt_id, invoker=ALICE, reason="over")).verdict is Verdict.RESTORED


async def test_a_copy_of_the_trail_will_do_and_a_forged_one_will_not(moto: Server, tmp_path: Path) -> None:
    directory, bucket = TrailDirectory(tmp_path / "audit"), "forged-trails"
    async with trail_of(directory) as (trail, session):
        draft = session.draft("halt.resumed", {"reason": "truly"}, halt_id="h-1")
        await trail.append([*drafts(session, 3), draft], keep=True)
    key = verifier_of(directory)
    copied = read_directory(directory.path, "h-1", [key])
    assert [event["data"]["reason"] for event in copied.events] == ["truly"]
    assert read_directory(directory.path, "h-1", []).events == []
    client = moto.client("s3")
    location = {"LocationConstraint": REGION}
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True, CreateBucketConfiguration=location)
    s3 = S3(
        bucket=bucket, region=REGION, endpoint_url=moto.url, profile="test", credentials_file=str(moto.credentials_file)
    )
    async with open_store(s3, Path("/")) as store:
        (volume,) = directory.volumes()
        await anchor(volume, store)
        assert (await read_store(store, "h-1", [key])).events == copied.events
        name = next(key for key in await store.keys("") if "/seg/" in key)
        forged = (await store.get(name) or b"").replace(b'"truly"', b'"falsely"')
        client.put_object(Bucket=bucket, Key=f"{s3.prefix}/{name}", Body=forged)
        found = await read_store(store, "h-1", [key])
    assert found.events == []
    assert "TAMPERED" in found.doubts[0]


def test_what_the_trail_could_not_keep_exactly_is_not_restored_from_it() -> None:
    header = {
        "scope": "agent:a", "environment": "test", "profile": "immediate", "reason": "r", "incident": None,
        "invoker": {"os_user": "alice", "uid": 1, "host": "a"}, "invoked_at": "2027-01-15T08:00:00+00:00",
        "slo_ms": 30000, "backend_slo_ms": {}, "drill": False,
    }  # fmt: skip
    told = {"target": "launchdarkly:p/f", "layer": "capability", "agents": ["c/t/a"], "running": 0}
    told |= {"prior": {"value": "0.5"}, "captured_at": "2027-01-15T08:00:00+00:00", "sha256": "sha256:of-the-number"}
    events = [
        {"kind": "halt.confirmed", "halt": "h", "at": "2027-01-15T08:00:00Z", "data": header},
        {"kind": "halt.intent", "halt": "h", "at": "2027-01-15T08:00:01Z", "data": {"targets": [told]}},
    ]
    (target,) = remembered("h", events).targets
    assert (target.state.value, target.captured) == ("failed", None)
    with pytest.raises(NotRemembered, match="who ordered"):
        remembered("h", events[1:])
