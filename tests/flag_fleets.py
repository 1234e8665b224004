"""Fleets that have flags and nothing else, and a console's configuration that sees LaunchDarkly alone."""

from __future__ import annotations

from pathlib import Path

from killswitch_backends.simulator.seams import AgentSpec, Runtime
from simulated import Simulated


def flag_agents(count: int, *, tick: float = 1.0, silent: int = 0) -> tuple[AgentSpec, ...]:
    """Agents of one class with a flag each; the last ``silent`` ones do not have the helper that reports."""
    return tuple(
        AgentSpec(
            name=f"refund-{number}",
            agent_class="refund",
            tenant="acme",
            runtime=Runtime.NONE,
            flag=f"refund-{number}-enabled",
            tick=tick,
            reports=number < count - silent,
        )
        for number in range(count)
    )


def flags_only(sim: Simulated, *, more: str = "") -> Path:
    """The simulator's configuration without its other platforms; ``more`` goes into the table of LaunchDarkly."""
    top, _, tables = sim.config_path.read_text().partition("[[")
    [table] = [part for part in f"[[{tables}".split("\n\n") if part.startswith("[[launchdarkly]]")]
    path = sim.tmp / "flags-only.toml"
    path.write_text(f"{top}{table}\n{more}")
    return path
