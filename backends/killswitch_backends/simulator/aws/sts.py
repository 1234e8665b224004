"""Simulated STS: who am I, and temporary credentials of a role."""

from __future__ import annotations

import re
from functools import partial

from killswitch_backends.simulator.aws.access import Access, denied
from killswitch_backends.simulator.aws.callers import KeyRing
from killswitch_backends.simulator.aws.calls import Answer, Call, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.iam.directory import Directory
from killswitch_backends.simulator.aws.iam.entities import Entity, Kind
from killswitch_backends.simulator.aws.iam.evaluation import Verdict, trusts

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_SHORTEST, _LONGEST_CHAINED = 900, 3600


def operations(directory: Directory, keys: KeyRing, access: Access) -> dict[str, Operation]:
    """The operations of STS."""
    return {
        "GetCallerIdentity": Operation(run=partial(_identity, directory), open=True),
        "AssumeRole": Operation(run=partial(_assume, directory, keys, access), open=True),
    }


def _identity(directory: Directory, call: Call) -> Answer:
    """Allowed under every deny, as AWS documents it: it can never serve as a probe."""
    return {"UserId": call.caller.user_id, "Account": directory.account, "Arn": call.caller.arn}


def _assume(directory: Directory, keys: KeyRing, access: Access, call: Call) -> Answer:
    arn = call.text("RoleArn")
    role = directory.by_arn(arn)
    if role is None or role.kind is not Kind.ROLE or not _may_assume(directory, access, call, role):
        raise denied(call.caller, "sts:AssumeRole", arn, "")
    name, seconds = call.text("RoleSessionName"), call.number("DurationSeconds", _LONGEST_CHAINED)
    if not _SESSION_NAME.fullmatch(name):
        raise AwsError(
            "ValidationError", f"Value '{name}' at 'roleSessionName' failed to satisfy constraint: [\\w+=,.@-]*"
        )
    _check_duration(call, role, seconds)
    key, session = keys.open_session(role, name=name, seconds=seconds)
    return {
        "Credentials": {
            "AccessKeyId": key.key_id,
            "SecretAccessKey": key.secret,
            "SessionToken": session.token,
            "Expiration": session.expires_at,
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"{role.identifier}:{name}",
            "Arn": f"arn:aws:sts::{directory.account}:assumed-role/{role.name}/{name}",
        },
    }


def _check_duration(call: Call, role: Entity, seconds: int) -> None:
    if not _SHORTEST <= seconds <= role.max_session:
        raise AwsError(
            "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    if call.caller.key.session and seconds > _LONGEST_CHAINED:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        )


def _may_assume(directory: Directory, access: Access, call: Call, role: Entity) -> bool:
    """Both sides must agree, unless the trust policy names the caller itself; a deny on the caller always counts."""
    verdict = access.verdict(call.caller, "sts:AssumeRole", role.arn, region=call.region)
    if verdict is Verdict.EXPLICIT_DENY or role.trust is None:
        return False
    named = frozenset({("AWS", call.caller.entity.arn), ("AWS", call.caller.arn)})
    account = frozenset({("AWS", directory.account), ("AWS", f"arn:aws:iam::{directory.account}:root")})
    context = {"aws:principalarn": (call.caller.entity.arn,)}
    wanted = named | account if verdict is Verdict.ALLOWED else named
    return trusts(role.trust, action="sts:AssumeRole", principals=wanted, context=context)
