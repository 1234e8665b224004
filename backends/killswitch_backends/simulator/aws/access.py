"""What identities may do, as the data plane sees it: for every API call, and for the agents' own work."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

from killswitch_backends.simulator.aws.callers import Caller
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.iam.conditions import Context
from killswitch_backends.simulator.aws.iam.directory import Directory
from killswitch_backends.simulator.aws.iam.entities import Entity, Grants, Kind
from killswitch_backends.simulator.aws.iam.evaluation import Request, Verdict, judge, unconditional
from killswitch_backends.simulator.seams import REGION

AGENT_ACTION = "bedrock:InvokeModel"
AGENT_RESOURCE = f"arn:aws:bedrock:{REGION}::foundation-model/agent-model"
"""What an agent does with its credentials at every tick, and on what."""

_WHY = {
    Verdict.EXPLICIT_DENY: "with an explicit deny in an identity-based policy",
    Verdict.IMPLICIT_DENY: "because no identity-based policy allows the {action} action",
}


class Access:
    """Answers for the data plane (the ``Credentials`` seam of the simulated world)."""

    def __init__(self, directory: Directory, *, credential_lifetime: float) -> None:
        self._directory = directory
        self._lifetime = credential_lifetime
        self._known: dict[Entity, tuple[Grants, bool]] = {}

    def now(self) -> float:
        """Seconds since the epoch, by the simulator's clock."""
        return self._directory.clock.now()

    def allows(self, identity: str) -> bool:
        """Whether an agent running as this identity (a role's or user's ARN) may do its work now."""
        entity = self._directory.by_arn(identity)
        if entity is None:
            return False
        grants = self._directory.effective(entity)
        known = self._known.get(entity)
        if known is not None and known[0] is grants:
            return known[1]
        request = Request(AGENT_ACTION, AGENT_RESOURCE, self._context(entity, self._workload_issue(entity), REGION))
        allowed = judge(grants.documents, request, boundary=grants.boundary) is Verdict.ALLOWED
        if unconditional(grants.documents) and (grants.boundary is None or unconditional((grants.boundary,))):
            self._known[entity] = (grants, allowed)
        return allowed

    def verdict(self, caller: Caller, action: str, resource: str, *, region: str) -> Verdict:
        """What the caller's policies say to one API call."""
        grants = self._directory.effective(caller.entity)
        request = Request(action, resource, self._context(caller.entity, caller.issued_at, region))
        return judge(grants.documents, request, boundary=grants.boundary)

    def authorise(self, caller: Caller, action: str, resource: str, *, region: str) -> None:
        """Let an API call pass.

        Raises:
            AwsError: ``AccessDenied``, worded as AWS words it.
        """
        verdict = self.verdict(caller, action, resource, region=region)
        if verdict is not Verdict.ALLOWED:
            raise denied(caller, action, resource, _WHY[verdict].format(action=action))

    def _workload_issue(self, entity: Entity) -> datetime | None:
        """When a running workload last got new credentials of its role: each role has a rhythm of its own."""
        if entity.kind is not Kind.ROLE:
            return None
        now = self._directory.clock.now()
        offset = zlib.crc32(entity.name.encode()) % max(1, int(self._lifetime))
        return datetime.fromtimestamp(now - (now - offset) % self._lifetime, UTC)

    def _context(self, entity: Entity, issued_at: datetime | None, region: str) -> Context:
        now = datetime.fromtimestamp(self._directory.clock.now(), UTC)
        context: dict[str, tuple[str, ...]] = {
            "aws:principalarn": (entity.arn,),
            "aws:principalaccount": (self._directory.account,),
            "aws:principaltype": ("AssumedRole" if entity.kind is Kind.ROLE else "User",),
            "aws:requestedregion": (region,),
            "aws:currenttime": (now.isoformat(),),
            "aws:sourceip": ("127.0.0.1",),
            "aws:securetransport": ("false",),
        }
        if issued_at is not None:
            context["aws:tokenissuetime"] = (issued_at.isoformat(),)
        for key, value in entity.tags.items():
            context[f"aws:principaltag/{key.casefold()}"] = (value,)
        return context


def denied(caller: Caller, action: str, resource: str, why: str) -> AwsError:
    """The error of a call that policies do not allow."""
    message = f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource} {why}".rstrip()
    return AwsError("AccessDenied", message, status=403)
