"""A probe: the console becomes the denied role itself and makes a harmless call, which AWS must refuse.

Only where ``probe`` is configured, and the role trusts the console. A fresh session is judged by the same policies as
the agent's. GetCallerIdentity cannot serve: AWS allows it under every deny.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import Aws, platform_code
from killswitch_backends.aws_common.errors import DENIED
from killswitch_backends.aws_common.outcomes import outcome
from killswitch_backends.problems import Problem, Unauthenticated

SESSION_SECONDS = 900
_EXPLICIT = "explicit deny"
"""AWS's words for a refusal by a deny; a refusal for want of an allow proves nothing."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What one call as the role showed. ``refused`` None: it could not be made, ``why`` says so."""

    refused: bool | None
    why: str


@dataclass(slots=True)
class Probe:
    """Sessions of denied roles, kept until they expire."""

    aws: Aws
    _clients: dict[str, Any] = field(default_factory=dict)
    _cannot: dict[str, str] = field(default_factory=dict)

    async def look(self, role_arn: str) -> Probed:
        """Make the call. Never raises for AWS's answer: a probe that cannot look leaves the bound as proof."""
        if why := self._cannot.get(role_arn):
            return Probed(None, why)
        client = self._clients.get(role_arn)
        if client is None:
            session = await outcome(self._assume(role_arn))
            if isinstance(session, Problem):
                self._cannot[role_arn] = why = f"no probe: {session.what}"
                return Probed(None, why)
            client = self._clients[role_arn] = session
        call = lambda: client.get_resources(ResourcesPerPage=1)  # noqa: E731
        answer = await outcome(self.aws.ask(call, where=f"{self.aws.where}/probe", urgency=Urgency.PROVE))
        if not isinstance(answer, Problem):
            return Probed(False, "a call with its credentials still passes")
        if platform_code(answer) in DENIED and _EXPLICIT in answer.what:
            return Probed(True, "a call with its credentials (tag:GetResources) was refused by an explicit deny")
        if isinstance(answer, Unauthenticated):  # the session expired: the next look opens another
            del self._clients[role_arn]
        return Probed(None, f"the probe does not tell: {answer.what}")

    async def _assume(self, role_arn: str) -> Any:
        sts = await self.aws.client("sts")
        call = lambda: sts.assume_role(  # noqa: E731
            RoleArn=role_arn, RoleSessionName="killswitch-console-probe", DurationSeconds=SESSION_SECONDS
        )
        answer = await self.aws.ask(call, where=f"{self.aws.where}/probe", urgency=Urgency.PROVE)
        return await self.aws.client_as("resourcegroupstaggingapi", answer["Credentials"])

    def close(self) -> None:
        """Close the connections of every session."""
        for client in self._clients.values():
            client.close()
