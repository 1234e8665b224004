"""A disk that is really full: halts' events go to the prepared spool, and into the trail once there is room again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.spool import Spool
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.halting.recording import RecordingNeeded
from simulated import eventually
from trails import bodies, recording, verifier_of

FULL = 6 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes; only root can have one."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={FULL}", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.chaos
async def test_a_full_disk_costs_no_event(small_disk: Path) -> None:
    directory, warnings = TrailDirectory(small_disk / "audit"), list[str]()
    ballast = small_disk / "ballast"
    async with recording(directory, warnings) as recorder:
        await recorder.require("plan.shown", {})
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        for number in range(300):
            await recorder.record("target.call", {"n": number, "detail": "x" * 500}, halt_id="h-1")
        assert any("AUDIT TRAIL NOT WRITTEN" in text and "in the spool" in text for text in warnings), warnings
        with pytest.raises(RecordingNeeded):
            await recorder.require("restore.confirmed", {"targets": ["x" * 4000] * 50})
        assert Spool(directory.spool).read().drafts
        ballast.unlink()
        await recorder.require("plan.shown", {})
        await eventually(lambda: Spool(directory.spool).read().end == 0, within=40)
    found = [body["data"]["n"] for body in bodies(directory) if body["kind"] == "target.call"]  # type: ignore[index]
    assert sorted(found) == list(range(300))
    (report,) = verify_directory(directory, verifier_of(directory), {})
    assert report.findings == []


@pytest.mark.chaos
async def test_a_disk_that_was_remounted_read_only_costs_no_event(small_disk: Path) -> None:
    directory, warnings = TrailDirectory(small_disk / "audit"), list[str]()
    async with recording(directory):
        pass
    remounted(small_disk, "ro")
    async with recording(directory, warnings) as recorder:
        try:
            await recorder.record("halt.intent", {"n": 1}, halt_id="h-1")
            with pytest.raises(RecordingNeeded):
                await recorder.require("restore.confirmed", {})
            assert any("AUDIT TRAIL NOT WRITTEN" in text and "in memory ONLY" in text for text in warnings), warnings
        finally:
            remounted(small_disk, "rw")
        await recorder.require("plan.shown", {})
        await eventually(lambda: "halt.intent" in [body["kind"] for body in bodies(directory)], within=40)
    kinds = [body["kind"] for body in bodies(directory)]
    assert "audit.gap" in kinds
    assert "restore.confirmed" not in kinds
    (report,) = verify_directory(directory, verifier_of(directory), {})
    assert report.findings == []


def remounted(path: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(path)], check=True)
