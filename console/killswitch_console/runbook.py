"""The runbook: what a person under stress needs to know, with no network and no configuration. Pure text.

Steps name commands that exist (a test runs through them). Contacts come from the configuration where there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from killswitch_console.hostile import clean

if TYPE_CHECKING:
    from killswitch_console.config import Document


@dataclass(frozen=True, slots=True)
class Chapter:
    """One part of it."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody to call."""

    role: str
    name: str
    reach: str


CHAPTERS: tuple[Chapter, ...] = (
    Chapter(
        "When to use the switch",
        (
            "An agent does harm, or may do within minutes, and you cannot stop it by its own controls.",
            "You do not need to be sure. A halt can be put back exactly; what an agent did meanwhile cannot.",
        ),
    ),
    Chapter(
        "When not to",
        (
            "The agent is slow or wrong but harmless: its owner's pause or a rollback is gentler.",
            "One customer's data is at stake and the agents are shared: look at the collateral first (plan SCOPE).",
            "Somebody asks you by chat and you cannot reach them by voice: verify first, or halt the one agent.",
            "For practice: that is what `drill run` is for.",
        ),
    ),
    Chapter(
        "Choose the smallest scope that covers the harm",
        (
            "one copy     killswitch-console halt instance:AGENT/INSTANCE --reason TEXT --confirm yes",
            "one agent    killswitch-console halt agent:NAME --reason TEXT --confirm yes",
            "a tenant     killswitch-console halt tenant:NAME --reason TEXT --confirm NAME",
            "a class      killswitch-console halt class:NAME --reason TEXT --confirm NAME",
            "everything   killswitch-console halt global --reason TEXT --confirm 'HALT ENVIRONMENT'",
            "Not sure what it would hit: killswitch-console plan SCOPE changes nothing.",
        ),
    ),
    Chapter(
        "Then wait for proof",
        (
            "Exit 0 and STOPPED mean: seen to be stopped, or nothing can outlive the bound that has passed.",
            "LIMITED means: some agents have no process that we can end. Call their owners (they are named).",
            "INCOMPLETE means: something may still act. killswitch-console status HALT names it;",
            "  killswitch-console resume HALT tries again; then stop those by hand, on the platform itself.",
            "A halt survives your terminal. Whoever comes next finds it: killswitch-console status",
            "It stays in force until restored; killswitch-console hold keeps it so without a screen.",
        ),
    ),
    Chapter(
        "When login is down, or credentials are refused",
        (
            "1. Say so in the incident. 2. Fetch the vault's passphrase (sealed envelope, second custodian).",
            "3. Press b, or add --break-glass to halt, resume or restore. It is recorded and told to others first.",
            "It closes by itself: 15 minutes idle, 60 at most. Afterwards rotate what was used: breakglass list",
            "Everything may take a second custodian's passphrase. Alone: --lone-operator REASON, a security event.",
            "Outside your role: --override REASON, where the configuration allows it. It is a security event.",
            "With one platform unreachable the others are halted all the same; the rest is listed as untouched.",
        ),
    ),
    Chapter(
        "Putting it back",
        (
            "1. The cause is known and mended, and the incident's lead agrees.",
            "2. killswitch-console status HALT: read what is held.",
            "3. killswitch-console restore HALT --reason TEXT (a second person: killswitch-console approve HALT)",
            "   --only SCOPE puts back a part first. What somebody changed since is left alone and named.",
            "4. Watch the agents for ten minutes. 5. killswitch-console audit export --halt HALT for the review.",
        ),
    ),
)


NOBODY = "Nobody is named: add [[contact]] tables (role, name, reach) to the configuration, and print this page."


def calls_of(document: Document) -> list[Call]:
    """Whom a configuration names, safe to show."""
    return [Call(clean(c.role), clean(c.name), clean(c.reach)) for c in document.contact]


def contacts(calls: Sequence[Call]) -> Chapter:
    """The last chapter."""
    return Chapter("Whom to call", tuple(f"{c.role}: {c.name}, {c.reach}" for c in calls) or (NOBODY,))


def runbook(environment: str | None, calls: Sequence[Call]) -> str:
    """The whole text, for a terminal of 80 columns or for a printer."""
    lines = ["RUNBOOK: halting agents" + (f" in {environment}" if environment else ""), ""]
    for number, chapter in enumerate((*CHAPTERS, contacts(calls)), 1):
        lines += [f"{number}. {chapter.title}", *(f"   {line}" for line in chapter.lines), ""]
    return "\n".join(lines[:-1]) + "\n"
