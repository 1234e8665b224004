"""Whether the switch works when login does not: what everyday and break-glass credentials hang on.

Red where a table hangs on the identity provider and nothing else opens it, and where a break-glass credential is not
independent: of login, of the everyday identity, of the agents that it is there to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

from killswitch_backends.checking import Finding, Standing
from killswitch_backends.emergency import EmergencyKind
from killswitch_backends.provenance import Provenance, Traceable
from killswitch_console.assembling import register_of
from killswitch_console.authority.invoker import PlatformName
from killswitch_console.checking.concern import Concern, Inquiry
from killswitch_console.config import BackendTable, Configuration
from killswitch_console.vault.filesystems import network_filesystem
from killswitch_console.vault.independence import Surrounding, objections
from killswitch_console.vault.register import Entry, RegisterError
from killswitch_console.vault.sealed_file import SealedFile
from killswitch_inventory.agents import Agent
from killswitch_inventory.scopes import Scope, ScopeKind


async def independence(inquiry: Inquiry) -> tuple[Finding, ...]:
    """The findings on every table and every enrolled credential. Nothing is unsealed, no plugin is run."""
    settled, engine = inquiry.settled, inquiry.engine
    try:
        entries = await asyncio.to_thread(register_of(settled).entries)
    except RegisterError:
        entries = ()  # the section on break-glass says so
    traced = await asyncio.to_thread(_traced, settled.backends)
    around = _surrounding(settled, engine.fleet.agents(Scope(ScopeKind.GLOBAL)), await engine.gate.identify())
    vaults = [vault for vault in engine.settings.glass.vaults if isinstance(vault, SealedFile)]
    return (
        *_everyday(settled, traced, entries),
        *_sealed(entries, around, broken=engine.glass.opening is not None),
        *await asyncio.to_thread(lambda: list(_places(vaults))),
    )


def _traced(tables: Iterable[BackendTable]) -> dict[str, Provenance]:
    return {
        f"{table.kind.kind}:{table.name}": table.kind.provenance(table.settings)
        for table in tables
        if isinstance(table.kind, Traceable)
    }


def _everyday(
    settled: Configuration, traced: Mapping[str, Provenance], entries: tuple[Entry, ...]
) -> Iterator[Finding]:
    for table in settled.backends:
        name = f"{table.kind.kind}:{table.name}"
        if (known := traced.get(name)) is None:
            yield Finding(name, Standing.UNKNOWN, "this kind of platform cannot tell what its credentials hang on")
            continue
        opening = sorted(entry.name for entry in entries if name in entry.backends)
        if not known.hangs_on:
            yield Finding(name, Standing.OK, f"everyday credentials are {known.how}: they need no login")
        elif opening:
            what = f"everyday credentials hang on {known.hangs_on}; break-glass by {', '.join(opening)} does not"
            yield Finding(name, Standing.OK, what)
        else:
            what = f"credentials hang on {known.hangs_on}, and no break-glass credential opens it"
            todo = "breakglass enrol" if isinstance(table.kind, EmergencyKind) else ""
            yield Finding(name, Standing.PROBLEM, what, todo)


def _surrounding(settled: Configuration, agents: Iterable[Agent], names: Sequence[PlatformName]) -> Surrounding:
    prefixes = [str(table.settings.path_prefix) for table in settled.backends if table.kind.kind == "iam"]
    roles = {
        binding.target.path.removeprefix("role/"): agent.key.name
        for agent in agents
        for binding in agent.bindings
        if binding.target.backend.kind == "iam" and binding.target.path.startswith("role/")
    }
    return Surrounding(
        agent_paths=tuple(prefix for prefix in prefixes if prefix != "/"),
        agent_roles=roles,
        everyday={name.backend: name.name for name in names},
        agent_accounts=frozenset(n.account for n in names if n.account and n.backend.startswith(("lambda:", "iam:"))),
    )


def _sealed(entries: Iterable[Entry], around: Surrounding, *, broken: bool) -> Iterator[Finding]:
    for entry in entries:
        found = list(objections(entry, around, compare=not broken))
        for objection in found:
            yield Finding(f"credential {entry.name}", Standing.PROBLEM, objection, "enrol one that does not")
        if not found:
            yield Finding(f"credential {entry.name}", Standing.OK, "hangs on no login, and is nobody's it would stop")


def _places(vaults: Iterable[SealedFile]) -> Iterator[Finding]:
    for vault in vaults:
        if kind := network_filesystem(vault.path):
            what = f"{vault.path} is on {kind}: with the network or its login down it cannot be read"
            yield Finding(f"vault {vault.name}", Standing.PROBLEM, what, "keep it on a disk of this machine")


CONCERN = Concern(name="independence", order=50, look=independence)
