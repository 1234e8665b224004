"""Trying a break-glass credential without effect: open its platforms with it, and ask them who we are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from killswitch_backends.emergency import EmergencyCredential, UnusableCredential
from killswitch_backends.problems import Problem
from killswitch_console.authority.breakglass import GlassSettings
from killswitch_console.vault.credential import Credential
from killswitch_console.vault.memory import PrivateMemory

TEST_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class GlassTest:
    """How a credential did."""

    name: str
    passed: bool
    says: str
    """Whom each platform took us for, or what went wrong. Platform text: clean it before it is shown."""


async def tried(settings: GlassSettings, credential: Credential) -> GlassTest:
    """Try one credential on every table it is meant for."""
    by_name = {str(ref): opener for ref, opener in settings.openers.items()}
    for secret in credential.fields.values():
        settings.learn(secret)
    memory, said, passed = PrivateMemory(), list[str](), bool(credential.backends)
    lent = EmergencyCredential(kind=str(credential.kind), fields=credential.fields)
    try:
        for backend in credential.backends:
            try:
                opener = by_name[backend]((lent,), memory.lend)
                async with asyncio.timeout(TEST_SECONDS), opener() as opened:
                    who = await opened.identity()
                said.append(f"{backend}: {who.name}")
            except KeyError:
                passed = False
                said.append(f"{backend}: is no table that break-glass can open")
            except TimeoutError:
                passed = False
                said.append(f"{backend}: no answer within {TEST_SECONDS:g} s")
            except (Problem, UnusableCredential) as problem:
                passed = False
                said.append(f"{backend}: {problem}")
    finally:
        memory.wipe()
    return GlassTest(credential.name, passed, "; ".join(said))
