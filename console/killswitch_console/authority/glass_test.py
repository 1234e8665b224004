"""Trying a break-glass credential without effect: open its platforms with it, and ask them who we are.

A trigger's URL cannot be tried without turning its flag off: it is looked at, and its host is called, no more.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from killswitch_backends.emergency import EmergencyCredential, UnusableCredential
from killswitch_backends.problems import Problem
from killswitch_console.authority.glass_settings import EmergencyOpener, GlassSettings
from killswitch_console.vault.credential import Credential, CredentialKind
from killswitch_console.vault.memory import PrivateMemory

TEST_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class GlassTest:
    """How a credential did."""

    name: str
    passed: bool
    says: str
    """Whom each platform took us for, or what went wrong. Platform text: clean it before it is shown."""
    identities: Mapping[str, str] = field(default_factory=dict)
    """Whom each table took us for, where it was asked."""


class _Failed(Exception):
    """A table did not take it; says why."""


async def tried(settings: GlassSettings, credential: Credential) -> GlassTest:
    """Try one credential on every table it is meant for."""
    by_name = {str(ref): opener for ref, opener in settings.openers.items()}
    for secret in credential.secrets:
        settings.learn(secret)
    said, identities, passed = list[str](), dict[str, str](), bool(credential.backends)
    for backend in credential.backends:
        try:
            if credential.kind is CredentialKind.TRIGGER_URL:
                said.append(f"{backend}: {await _called(credential)}")
                continue
            identities[backend] = await _identity(by_name.get(backend), credential)
            said.append(f"{backend}: {identities[backend]}")
        except _Failed as failure:
            passed = False
            said.append(f"{backend}: {failure}")
    return GlassTest(credential.name, passed, "; ".join(said), identities)


async def _identity(opener: EmergencyOpener | None, credential: Credential) -> str:
    """Whom a table takes us for with this credential. Raises ``_Failed``."""
    if opener is None:
        raise _Failed("is no table that break-glass can open")
    memory = PrivateMemory()
    lent = EmergencyCredential(kind=str(credential.kind), fields=credential.fields)
    try:
        async with asyncio.timeout(TEST_SECONDS), opener((lent,), memory.lend)() as opened:
            return (await opened.identity()).name
    except TimeoutError:
        raise _Failed(f"no answer within {TEST_SECONDS:g} s") from None
    except (Problem, UnusableCredential) as problem:
        raise _Failed(str(problem)) from None
    finally:
        memory.wipe()


async def _called(credential: Credential) -> str:
    """That the host of a trigger answers. Its URL is in no message: it is the whole secret. Raises ``_Failed``."""
    parts = urlsplit(credential.fields["url"])
    secure = parts.scheme == "https"
    if not parts.hostname or not (secure or parts.hostname in ("127.0.0.1", "localhost", "::1")):
        raise _Failed("it is no https address")
    context = ssl.create_default_context() if secure else None
    try:
        async with asyncio.timeout(TEST_SECONDS):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or (443 if secure else 80), ssl=context
            )
    except TimeoutError:
        raise _Failed(f"its host gave no answer within {TEST_SECONDS:g} s") from None
    except (OSError, ValueError) as error:
        raise _Failed(f"its host cannot be reached: {type(error).__name__}") from None
    writer.close()
    return f"its host answers; only use would show that it turns {credential.fields['flag']} off"
