"""The deny-all that a halt puts on an identity, and how to recognise it.

An explicit deny wins over every allow, also for sessions that exist already: AWS authorises each call anew. The
statement's Sid carries the halt's id, so that a restore removes what its own halt wrote and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from killswitch_backends.protocol import Json

POLICY_NAME = "killswitch-console-deny-all"
_SID = "KillswitchConsole"


def denial(halt_id: str) -> str:
    """The policy document of a halt, as compact JSON: the inline quota is small."""
    statement = {"Sid": sid_of(halt_id), "Effect": "Deny", "Action": "*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


def sid_of(halt_id: str) -> str:
    """A halt's Sid: IAM takes letters and digits only, so everything else, and ``Z``, is written as ``Z`` and its code.

    Groups cannot be tagged: this is all the mark they have, so the id must be read back from it as it was.
    """
    return _SID + re.sub(r"[^A-Ya-z0-9]", lambda found: f"Z{ord(found[0]):02x}", halt_id)


def sid_in(document: Mapping[str, Json] | None) -> str | None:
    """The Sid of the halt that wrote a document; None when no halt did."""
    for statement in _statements(document):
        sid = str(statement.get("Sid", ""))
        if sid.startswith(_SID) and _denies_all(statement):
            return sid
    return None


def halt_in(sid: str) -> str:
    """The id of the halt that wrote a Sid."""
    return re.sub(r"Z([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), sid.removeprefix(_SID))


def denies_all(document: Mapping[str, Json] | None) -> bool:
    """Whether a document denies everything, without conditions."""
    return any(_denies_all(statement) for statement in _statements(document))


def is_denied(arn: str, attached: frozenset[str], documents: Iterable[Mapping[str, Json] | None]) -> bool:
    """Whether an identity is denied everything, by whoever's policy, as far as its documents are known."""
    return deny_all_arn(arn) in attached or any(denies_all(document) for document in documents)


def deny_all_arn(role_arn: str) -> str:
    """AWS's own managed deny-all, in the partition of a role."""
    partition = role_arn.split(":")[1:2] or ["aws"]
    return f"arn:{partition[0]}:iam::aws:policy/AWSDenyAll"


def _statements(document: Mapping[str, Json] | None) -> list[Mapping[str, Json]]:
    statements = (document or {}).get("Statement", [])
    found = statements if isinstance(statements, list) else [statements]
    return [one for one in found if isinstance(one, Mapping)]


def _denies_all(statement: Mapping[str, Json]) -> bool:
    everything = ("*", ["*"])
    return (
        statement.get("Effect") == "Deny"
        and statement.get("Action") in everything
        and statement.get("Resource") in everything
        and not statement.get("Condition")
    )
