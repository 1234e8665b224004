"""The one-call global stop: a service control policy, prepared in advance, is attached where it stops everything.

Only a global halt takes it. What it denies, and to whom, is the policy's own text; the console attaches and detaches
that one policy at that one target, and refuses where the text does not spare whoever it acts as. A halt leaves no mark
here: the ledger knows it, and the attachment itself is visible to all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import Aws, platform_code
from killswitch_backends.aws_common.outcomes import outcome
from killswitch_backends.aws_common.tags import stamp
from killswitch_backends.aws_iam.settings import SCP_PREFIX, Scp
from killswitch_backends.outside import parsed
from killswitch_backends.problems import Problem, Unreachable
from killswitch_backends.protocol import (
    Accepted,
    Captured,
    Evidence,
    Grade,
    Identity,
    Json,
    Observation,
    Preflight,
    Restored,
    Sight,
    Watch,
)
from killswitch_inventory.agents import Health
from killswitch_inventory.sightings import TargetSighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId

_ATTACHED_ALREADY, _NOT_ATTACHED = "DuplicatePolicyAttachmentException", "PolicyNotAttachedException"
_NEVER = "an organisation policy never affects the management account"
_SPARING = ("arnnotlike", "arnnotequals", "stringnotlike", "stringnotequals")


@dataclass(frozen=True, slots=True)
class OrganizationStop:
    """One prepared policy and the account, unit or root it is meant for."""

    aws: Aws
    scp: Scp
    ref: BackendRef
    now: Callable[[], datetime]
    propagation: timedelta

    @property
    def target(self) -> TargetId:
        return TargetId(self.ref, f"{SCP_PREFIX}{self.scp.policy_id}")

    async def sighting(self) -> TargetSighting:
        """The policy as the fleet sees it. Raises a ``Problem`` where Organizations cannot be asked."""
        attached = await self._attached(Urgency.SIGHT)
        return TargetSighting(
            target=self.target, layer=Layer.CREDENTIAL, kind="organisation policy", seen_at=self.now(),
            health=Health.OK, off=attached, stops_all=True, facts={"for": self.scp.target_id},
        )  # fmt: skip

    async def preflight(self, caller: Identity) -> Preflight:
        """What attaching it means. Raises a ``Problem``: without its text nobody can tell whom it locks out."""
        content = await self._content()
        spared = not _hits(self.scp.target_id, caller) or spares(content, caller)
        return Preflight(
            self.target,
            f"attach it to {self.scp.target_id} (one call for everything there)",
            1,
            lockout=None if spared else f"no exception for the identity this console acts as ({caller.name})",
            risks=(f"it stops what it denies for every identity of {self.scp.target_id}, agents or not", _NEVER),
        )

    async def capture(self) -> Captured:
        """Whether it is attached already."""
        attached = await self._attached(Urgency.HALT)
        prior = {"attached": attached, "policy_id": self.scp.policy_id, "target_id": self.scp.target_id}
        return Captured(self.target, prior, self.now(), already_off=attached)

    async def halt(self) -> Accepted:
        """Attach it; attached already is no error."""
        request = await self._change("attach_policy", forgiven=_ATTACHED_ALREADY)
        at = self.now()
        bound = at + self.propagation
        detail = f"attached to {self.scp.target_id}; in force everywhere by {stamp(bound)}"
        return Accepted(self.target, at, request, bound, detail, {"attached": True})

    async def look(self, watch: Watch) -> Observation:
        """Whether it is (still) attached. Raises a ``Problem`` where that cannot be read."""
        bound = watch.accepted.bound or watch.accepted.at + self.propagation
        at = self.now()
        if not await self._attached(Urgency.PROVE):
            return Observation(self.target, Sight.ACTING, at, note=f"it is not attached to {self.scp.target_id}")
        reads = f"attached to {self.scp.target_id}, read at {stamp(at)}"
        if at < bound:
            note = f"reaches every AWS endpoint by {stamp(bound)}"
            return Observation(self.target, Sight.DRAINING, at, Evidence(Grade.ACKNOWLEDGED, reads, at), note=note)
        detail = f"{reads}, after the {stamp(bound)} by which it is in force everywhere"
        return Observation(self.target, Sight.STOPPED, at, Evidence(Grade.BOUNDED, detail, at))

    async def restore(self, watch: Watch) -> Restored:
        """Detach it, unless it was attached before the halt; read that back."""
        wanted = bool(watch.captured.prior["attached"])
        if not wanted:
            await self._change("detach_policy", forgiven=_NOT_ATTACHED)
        if await self._attached(Urgency.HALT) != wanted:
            raise Unreachable(str(self.target), "restored, but reads back differently")
        words = "attached, as before" if wanted else f"detached from {self.scp.target_id}, read back"
        return Restored(self.target, self.now(), Evidence(Grade.OBSERVED, words, self.now()))

    async def _ask(self, operation: str, urgency: Urgency, **parameters: str) -> Mapping[str, Any]:
        client = await self.aws.client("organizations")
        call = partial(getattr(client, operation), **parameters)
        answer: Mapping[str, Any] = await self.aws.ask(call, where=str(self.target), urgency=urgency)
        return answer

    async def _change(self, operation: str, *, forgiven: str) -> str | None:
        """Attach or detach. Raises a ``Problem``, unless it is so already."""
        asked = self._ask(operation, Urgency.HALT, PolicyId=self.scp.policy_id, TargetId=self.scp.target_id)
        answer = await outcome(asked)
        if not isinstance(answer, Problem):
            told: str | None = answer["ResponseMetadata"].get("RequestId")
            return told
        if platform_code(answer) != forgiven:
            raise answer
        return None

    async def _attached(self, urgency: Urgency) -> bool:
        more: dict[str, str] = {}
        while True:
            page = await self._ask("list_targets_for_policy", urgency, PolicyId=self.scp.policy_id, **more)
            if any(one["TargetId"] == self.scp.target_id for one in page["Targets"]):
                return True
            if not page.get("NextToken"):
                return False
            more = {"NextToken": page["NextToken"]}

    async def _content(self) -> Mapping[str, Json]:
        answer = await self._ask("describe_policy", Urgency.HALT, PolicyId=self.scp.policy_id)
        try:
            content = parsed(answer["Policy"]["Content"])
        except ValueError:
            return {}
        return content if isinstance(content, Mapping) else {}


def _hits(target_id: str, caller: Identity) -> bool:
    """Whether the policy's target may hold the caller: another account does not; a unit or a root may."""
    return not target_id.isdigit() or target_id == caller.account


def spares(content: Mapping[str, Json], caller: Identity) -> bool:
    """Whether every deny of a policy excepts, by ``aws:PrincipalArn``, an identity that the caller acts as."""
    statements = content.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    denies = [one for one in listed if isinstance(one, Mapping) and one.get("Effect") == "Deny"]
    return bool(denies) and all(any(_excepts(arn, caller) for arn in _excepted(one)) for one in denies)


def _excepted(statement: Mapping[str, Json]) -> Iterator[str]:
    condition = statement.get("Condition")
    for operator, keys in condition.items() if isinstance(condition, Mapping) else ():
        if str(operator).lower() in _SPARING and isinstance(keys, Mapping):
            for key, values in keys.items():
                if str(key).lower() == "aws:principalarn":
                    yield from map(str, values if isinstance(values, list) else [values])


def _excepts(pattern: str, caller: Identity) -> bool:
    """A role's ARN in a condition has its path, a session's has none: names decide where no pattern does."""
    arns = [arn for arn in (caller.name, *caller.related) if ":assumed-role/" not in arn]
    return any(fnmatchcase(arn, pattern) or _named(arn) == _named(pattern) for arn in arns)


def _named(arn: str) -> tuple[str, str]:
    return arn.partition("::")[2].partition(":")[0], arn.rpartition("/")[2]
