"""A scenario as its file writes it: strict models, nothing unknown, nothing guessed.

What one model cannot see (does the agent exist, is the order possible) is checked in ``checking.py``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from killswitch_backends.protocol import Profile
from killswitch_backends.simulator.faults import FaultKind
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from killswitch_console.drills.durations import Duration
from killswitch_console.drills.happened import EVENTS
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""Ids, and agents' names: what Kubernetes takes as a name."""

Text = Annotated[str, Field(min_length=1, max_length=4000)]


def _scope(text: str) -> str:
    Scope.parse(text)
    return text


def _event(text: str) -> str:
    if text not in EVENTS:
        raise ValueError(f"unknown event {text!r}; expected one of {', '.join(EVENTS)}")
    return text


ScopeText = Annotated[str, AfterValidator(_scope)]
EventName = Annotated[str, AfterValidator(_event)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Header(_Table):
    """``[scenario]``."""

    id: Name
    version: Annotated[int, Field(ge=1)] = 1
    title: Text
    mode: Literal["simulate", "canary"] = "simulate"
    """``canary``: on the real platforms, against targets tagged as canaries and nothing else (``canary.py``)."""
    seed: Annotated[int, Field(ge=0)] = 1
    duration: Duration
    """When it ends at the latest."""
    narrative: Text
    """The whole story, for facilitators and reports; responders do not see it."""
    briefing: Text = "You are on call. What comes in, comes in here."
    """What responders are told at the beginning."""
    authors: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


class Objective(_Table):
    """``[[objective]]``: what the drill is to show."""

    id: Name
    statement: Text
    capability: str = ""


class Role(_Table):
    """``[[role]]``: who takes part."""

    id: Name
    title: Text
    person: str = ""
    may_invoke: tuple[Literal["instance", "agent", "tenant", "class", "global"], ...] = (
        "instance",
        "agent",
        "tenant",
        "class",
        "global",
    )


class AgentEntry(_Table):
    """``[[world.agent]]``: one agent of the simulated world; see ``AgentSpec``."""

    name: Name
    agent_class: Annotated[Name, Field(alias="class")]
    tenant: Name
    runtime: Runtime
    namespace: Name = "agents"
    replicas: Annotated[int, Field(ge=1, le=20)] = 1
    grace: Annotated[float, Field(ge=1, le=600)] = 2.0
    timeout: Annotated[int, Field(ge=1, le=900)] = 3
    role: bool = True
    flag: bool = True
    tick: Annotated[float, Field(ge=0.05, le=60)] = 1.0

    def spec(self) -> AgentSpec:
        """As the simulator takes it."""
        return AgentSpec(
            name=self.name,
            agent_class=self.agent_class,
            tenant=self.tenant,
            runtime=self.runtime,
            namespace=self.namespace if self.runtime is Runtime.KUBERNETES else "",
            replicas=self.replicas,
            grace=self.grace,
            timeout=self.timeout,
            role=f"{self.name}-role" if self.role else None,
            flag=f"{self.name}-enabled" if self.flag else None,
            tick=self.tick,
        )


class World(_Table):
    """``[world]``: the fleet, drawn from the seed, named one by one, or both."""

    agents: Annotated[int, Field(ge=0, le=200)] = 0
    uncovered: Annotated[int, Field(ge=0, le=20)] = 0
    agent: tuple[AgentEntry, ...] = ()


class Pattern(_Table):
    """Which events are meant: all that carry every detail named here."""

    event: EventName
    inject: Name | None = None
    scope: ScopeText | None = None
    scope_kind: tuple[Literal["instance", "agent", "tenant", "class", "global"], ...] | None = None
    verdict: Verdict | None = None
    layer: Literal["process", "credential", "capability"] | None = None


class Timed(_Table):
    """What every entry of a script has: an id and a moment."""

    id: Name
    at: Duration | None = None
    """Drill time."""
    after: Name | None = None
    """Once that entry has happened."""
    when: Pattern | None = None
    """Once such an event has happened."""
    delay: Duration = 0.0
    """Later than ``after`` or ``when`` by this."""

    @model_validator(mode="after")
    def _one_moment(self) -> Timed:
        given = [name for name in ("at", "after", "when") if getattr(self, name) is not None]
        if len(given) != 1 and not (not given and self.by_hand):
            said = f"has {' and '.join(given)}" if given else "has none of them"
            raise ValueError(f"expected exactly one of at, after, when; {self.id!r} {said}")
        if self.at is not None and self.delay:
            raise ValueError("delay goes with after or when, not with at")
        return self

    @property
    def by_hand(self) -> bool:
        """Whether it waits for a person."""
        return False


class Inject(Timed):
    """What every ``[[inject]]`` has."""

    jitter: Duration = 0.0
    """Later by up to this, drawn from the seed."""
    delivered_by: Literal["auto", "facilitator"] = "auto"
    expected: str = ""
    """What the responder should do then; the facilitator sees it."""
    objective: Name | None = None

    @property
    def by_hand(self) -> bool:
        """Whether the facilitator delivers it."""
        return self.delivered_by == "facilitator"


class Word(Inject):
    """A message from somebody, or an alert of the monitoring: what the responder sees, as on a pager."""

    kind: Literal["message", "alert"]
    sender: Annotated[Text, Field(alias="from")]
    channel: str = "pager"
    text: Text


class FaultInject(Inject):
    """A fault of the simulated platforms; see ``killswitch_backends.simulator.faults.Rule``."""

    kind: Literal["fault"]
    operation: Text
    fault: FaultKind
    lasts: Duration | None = None
    """When it is lifted; None: it stays."""
    seconds: Annotated[float, Field(ge=0)] | None = None
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    code: str = ""
    message: str = ""
    retry_after: Annotated[float, Field(ge=0)] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    count: Annotated[int, Field(ge=1)] | None = None
    after_apply: bool = False


class CredentialInject(Inject):
    """A platform takes the console's everyday credentials no more, or nobody can say who anybody is (``identity``)."""

    kind: Literal["credential"]
    platform: Literal["identity", "kubernetes", "lambda", "iam", "launchdarkly"]
    lasts: Duration | None = None


class TrailInject(Inject):
    """The disk of the audit trail is full."""

    kind: Literal["trail"]
    lasts: Duration | None = None


class ScaleInject(Inject):
    """Somebody or something else scales an agent's Deployment: a controller that revives, a colleague who helps."""

    kind: Literal["scale"]
    agent: Name
    replicas: Annotated[int, Field(ge=0, le=50)]
    times: Annotated[int, Field(ge=1, le=50)] = 1
    every: Duration = 20.0


AnyInject = Annotated[Word | FaultInject | CredentialInject | TrailInject | ScaleInject, Field(discriminator="kind")]


class Expectation(Pattern):
    """``[[expect]]``: an event that has to happen."""

    id: Name
    objective: Name | None = None
    within: Duration | None = None
    """Drill time that it may take."""
    of: Name | None = None
    """From this inject on; None: from the beginning."""
    slo: bool = False
    """The halt has to meet its published objective."""
    must: bool = True
    weight: Annotated[float, Field(gt=0, le=100)] = 1.0


class Forbidden(Pattern):
    """``[[forbid]]``: an event that must not happen."""

    id: Name
    objective: Name | None = None
    why: Text


class Answer(Timed):
    """``[[answer]]``: one step of the model answer, as the perfect player takes it."""

    do: Literal["acknowledge", "decline", "plan", "halt", "resume", "restore"]
    inject: Name | None = None
    """What is acknowledged or declined."""
    scope: ScopeText | None = None
    """What is planned or halted; for resume and restore, the halt of this scope."""
    wrong: ScopeText | None = None
    """What a player who gets the scope wrong plans or halts instead."""
    profile: Profile = Profile.IMMEDIATE
    reason: Text = "drill"
    timeout: Duration | None = None

    @model_validator(mode="after")
    def _complete(self) -> Answer:
        if self.do in ("acknowledge", "decline"):
            if self.inject is None:
                raise ValueError(f"{self.do} needs inject")
        elif self.scope is None:
            raise ValueError(f"{self.do} needs scope")
        return self


class Scoring(_Table):
    """``[scoring]``."""

    pass_mark: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The share of the weights that passes, if every ``must`` is met."""


class Slo(_Table):
    """``[slo]``: published seconds from confirmation to proof in this drill; see the configuration's table."""

    agent: Annotated[float, Field(gt=0)] | None = None
    tenant: Annotated[float, Field(gt=0)] | None = None
    agent_class: Annotated[float | None, Field(alias="class", gt=0)] = None
    global_: Annotated[float | None, Field(alias="global", gt=0)] = None


class Scenario(_Table):
    """A whole file."""

    scenario: Header
    objective: tuple[Objective, ...] = ()
    role: tuple[Role, ...] = ()
    world: World = World()
    """Of a simulated drill; a canary drill has the real one."""
    slo: Slo = Slo()
    inject: tuple[AnyInject, ...] = ()
    expect: Annotated[tuple[Expectation, ...], Field(min_length=1)]
    forbid: tuple[Forbidden, ...] = ()
    answer: tuple[Answer, ...] = ()
    scoring: Scoring = Scoring()


def json_schema() -> dict[str, Any]:
    """The JSON Schema of scenario files, for editors."""
    schema = Scenario.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "killswitch-console drill scenario"
    return schema
