"""``check`` of an AWS table: as whom, with which rights, and how far apart are the clocks. Reads only.

Rights are asked of IAM's own simulator. It knows identity policies and boundaries, not service control policies or
resource policies: what it allows may still be denied, what it denies is denied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.checking import Finding, Standing
from killswitch_backends.clocks import server_time, skew
from killswitch_backends.problems import Problem


@dataclass(frozen=True, slots=True)
class Need:
    """One action, and what is lost without it."""

    action: str
    why: str
    vital: bool = False
    resource: str = "*"


class Check:
    """One look at one table."""

    def __init__(self, aws: Aws, needs: Sequence[Need], now: Callable[[], datetime]) -> None:
        self._aws, self._needs, self._now = aws, needs, now

    async def run(self) -> list[Finding]:
        """All findings."""
        try:
            who = await self._aws.identity()
            at = await self._time()
        except Problem as problem:
            return [self._finding(Standing.PROBLEM, f"cannot be used: {problem.what}", problem.todo)]
        found = [self._finding(Standing.OK, f"acts as {who.name}"), skew(self._aws.where, at, self._now())]
        if who.name.endswith(":root"):
            found.append(self._finding(Standing.PROBLEM, "acts as the account's root user", "use a role"))
        return [*found, *await self.rights()]

    async def rights(self) -> list[Finding]:
        """What it needs and may not, or that it may all, or that this could not be looked up."""
        try:
            who = await self._aws.identity()
            verdicts = await self._simulated(await self._source(who.name, who.related))
        except Problem as problem:
            what = f"rights could not be looked up: {problem.what}"
            return [self._finding(Standing.UNKNOWN, what, "allow iam:SimulatePrincipalPolicy and iam:GetRole")]
        return self._rights(verdicts)

    async def _time(self) -> datetime | None:
        client = await self._aws.client("sts")
        answer = await self._aws.ask(client.get_caller_identity, where=self._aws.where, urgency=Urgency.HALT)
        return server_time(answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date"))

    async def _source(self, arn: str, related: Sequence[str]) -> str:
        """The ARN that the simulator knows: a session's role, with the path that its own ARN leaves out."""
        if ":assumed-role/" not in arn:
            return arn
        client = await self._aws.client("iam")
        name = related[0].rpartition("/")[2]
        call = partial(client.get_role, RoleName=name)
        answer = await self._aws.ask(call, where=self._aws.where, urgency=Urgency.SIGHT)
        return str(answer["Role"]["Arn"])

    async def _simulated(self, source: str) -> Mapping[str, str]:
        """Verdicts by action."""
        client = await self._aws.client("iam")
        verdicts: dict[str, str] = {}
        for resource in dict.fromkeys(need.resource for need in self._needs):
            actions = [need.action for need in self._needs if need.resource == resource]
            call = partial(
                client.simulate_principal_policy,
                PolicySourceArn=source,
                ActionNames=actions,
                ResourceArns=[resource.replace("ACCOUNT", self._aws.account or "")],
            )
            answer: Any = await self._aws.ask(call, where=self._aws.where, urgency=Urgency.SIGHT)
            verdicts |= {one["EvalActionName"]: one["EvalDecision"] for one in answer["EvaluationResults"]}
        return verdicts

    def _rights(self, verdicts: Mapping[str, str]) -> list[Finding]:
        lacking = [need for need in self._needs if verdicts.get(need.action) != "allowed"]
        found = [
            self._finding(
                Standing.PROBLEM if need.vital else Standing.WARNING,
                f"may not {need.action}: cannot {need.why}",
                "see `policy aws`",
            )
            for need in lacking
        ]
        whole = f"all {len(self._needs)} rights that it needs are given, by its own policies"
        return found or [self._finding(Standing.OK, whole)]

    def _finding(self, standing: Standing, what: str, todo: str = "") -> Finding:
        return Finding(self._aws.where, standing, what, todo)
