"""Four processes append and are killed at random, a hundred times: nothing acknowledged is lost, the chain is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from killed_writers import kill_at_random


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(100, 200))
async def test_killed_writers_lose_nothing(tmp_path: Path, seed: int) -> None:
    await kill_at_random(tmp_path / "audit", seed=seed)
