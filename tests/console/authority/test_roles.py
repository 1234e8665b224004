"""Who may do what: the decision alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from killswitch_console.authority.invoker import Invoker, PlatformName
from killswitch_console.authority.roles import Authority, NotAuthorised, Role, principals_of
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope, ScopeKind

ALICE = Invoker(os_user="alice", uid=1000, host="bastion", groups=("alice", "oncall"))
REFUND = AgentKey("refund", "acme", "refund-1")
OTHER = AgentKey("search", "acme", "refund-1")


def allowed(grants: tuple[str, ...], scope: str, *agents: AgentKey, principal: str = "os:alice") -> bool:
    role = Role(name="r", principals=(principal,), scopes=grants, environments=("production",))
    authority = Authority(roles=(role,))
    try:
        return (
            authority.permit(ALICE, act="halt", scope=Scope.parse(scope), agents=agents, environment="production")
            == "r"
        )
    except NotAuthorised:
        return False


@pytest.mark.parametrize(
    ("grants", "scope", "agents", "expected"),
    [
        (("agent",), "agent:refund-1", [REFUND], True),
        (("agent",), "instance:refund-1/a", [REFUND], True),
        (("agent",), "tenant:acme", [REFUND], False),
        (("instance",), "agent:refund-1", [REFUND], False),
        (("class",), "class:refund", [REFUND], True),
        (("class",), "agent:refund-1", [REFUND], True),
        (("class",), "tenant:acme", [REFUND], False),
        (("class",), "global", [REFUND], False),
        (("global",), "tenant:acme", [REFUND], True),
        (("class:refund",), "class:refund", [REFUND], True),
        (("class:refund",), "agent:refund-1", [REFUND], True),
        (("class:refund",), "agent:refund-1", [REFUND, OTHER], False),  # one name, two classes
        (("class:refund",), "agent:refund-1", [], False),
        (("class:refund",), "class:search", [OTHER], False),
        (("class:refund",), "global", [REFUND], False),
        (("agent:refund-1",), "instance:refund-1/a", [REFUND], True),
        (("instance:refund-1/a",), "agent:refund-1", [REFUND], False),
        (("instance:refund-1/a",), "instance:refund-1/b", [REFUND], False),
    ],
)
def test_what_a_grant_allows(grants: tuple[str, ...], scope: str, agents: list[AgentKey], expected: bool) -> None:
    assert allowed(grants, scope, *agents) is expected


@given(st.sampled_from(ScopeKind), st.sampled_from(ScopeKind))
def test_no_grant_reaches_wider_than_itself(granted: ScopeKind, asked: ScopeKind) -> None:
    scope = {"global": "global", "instance": "instance:refund-1/a"}.get(asked, f"{asked}:refund-1")
    width = list(ScopeKind).index
    if width(asked) > width(granted):
        assert not allowed((granted,), scope, REFUND)


@pytest.mark.parametrize("principal", ["os:alice", "os:%oncall", "os:al*", "*:alice"])
def test_principals_of_the_operating_system(principal: str) -> None:
    assert allowed(("global",), "global", REFUND, principal=principal)


@pytest.mark.parametrize("principal", ["os:bob", "os:oncall", "aws:alice", "kubernetes:alice"])
def test_others_are_nobody(principal: str) -> None:
    assert not allowed(("global",), "global", REFUND, principal=principal)


def test_platform_identities_are_principals() -> None:
    names = (
        PlatformName(
            backend="iam:prod", name="arn:aws:sts::1:assumed-role/oncall/al", related=("arn:aws:iam::1:role/oncall",)
        ),
        PlatformName(backend="kubernetes:eks", name="al@example", related=("oncall",)),
    )
    held = principals_of(Invoker(os_user="al", uid=1, host="h", platforms=names))
    assert {"aws:arn:aws:iam::1:role/oncall", "kubernetes:oncall", "kubernetes:al@example", "os:al"} <= set(held)


def test_environment_and_override() -> None:
    role = Role(name="staging", principals=("os:alice",), scopes=("global",), environments=("stag*",))
    ask = {"act": "halt", "scope": Scope.parse("class:refund"), "agents": [REFUND]}
    from dataclasses import replace

    urgent = replace(ALICE, override="nobody else is awake")
    closed, open_ = Authority(roles=(role,)), Authority(roles=(role,), override=True)
    assert closed.permit(ALICE, environment="staging", **ask) == "staging"  # type: ignore[arg-type]
    for authority, invoker in ((closed, ALICE), (closed, urgent), (open_, ALICE)):
        with pytest.raises(NotAuthorised, match=r"alice@bastion may not halt class:refund in production"):
            authority.permit(invoker, environment="production", **ask)  # type: ignore[arg-type]
    assert open_.permit(urgent, environment="production", **ask) is None  # type: ignore[arg-type]
