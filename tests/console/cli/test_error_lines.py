"""Every type of error says what happened, where, and what to do next; a new type must be given its place here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

import killswitch_backends.problems as problems
import killswitch_console
from killswitch_backends.problems import Conflict, Problem, Throttled, Unreachable
from killswitch_backends.protocol import FieldChange
from killswitch_console.authority.invoker import Invoker
from killswitch_console.cli.command_tree import command_tree
from killswitch_console.cli.failures import EDGES, Edge, explain
from killswitch_console.cli.main import INTERNAL, UNPROVEN, USAGE
from killswitch_console.halting.approving import check_approval
from killswitch_console.halting.confirmation import NotConfirmed, confirm
from killswitch_console.halting.confirmed import check_collateral
from killswitch_console.halting.planning import EmptyScope
from killswitch_console.vault.vault import VaultError
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope, ScopeError

INSIDE = {
    # raised and caught below the edge; what a person sees of them is another error or a line of output
    "Alarm", "BadHead", "CanaryRefused", "Later", "NotePrevented", "NoteError", "NoticeUrlError", "NotRemembered",
    "NotSealed", "Problem", "Rejected", "ScenarioError", "SealError", "Silence", "SpoolError", "TokenError", "TooLarge",
    "Unclear", "UnknownInject", "Vetoed", "WrongPassphrase",
}  # fmt: skip


def _types() -> dict[str, type[Exception]]:
    """Every type of error that the console's own code defines."""
    found: dict[str, type[Exception]] = {}
    for info in pkgutil.walk_packages(killswitch_console.__path__, "killswitch_console."):
        if "._" in info.name or ".tui" in info.name or info.name.endswith("hatch_build"):
            continue
        module = importlib.import_module(info.name)
        for name, one in inspect.getmembers(module, inspect.isclass):
            if issubclass(one, Exception) and one.__module__ == info.name and not name.startswith("_"):
                found[name] = one  # noqa: PERF403
    return found


def test_every_type_of_error_has_its_place_at_the_edge() -> None:
    kinds = tuple(edge.kind for edge in EDGES)
    homeless = {name for name, one in _types().items() if not issubclass(one, kinds)} - INSIDE
    assert not homeless, "give them a place in cli/failures.py, or say in INSIDE that none reaches the edge"


def _error(edge: Edge) -> Exception:
    if issubclass(edge.kind, Problem | VaultError):
        return edge.kind("lambda:prod/refund-1", "it went wrong")
    return edge.kind("it is so")


@pytest.mark.parametrize("edge", [e for e in EDGES if e.next], ids=lambda e: e.kind.__name__)
def test_what_where_and_next(edge: Edge) -> None:
    line, code = explain(_error(edge))
    assert "it went wrong" in line or "it is so" in line
    if issubclass(edge.kind, Problem):
        assert line.startswith("lambda:prod/refund-1: ")
    assert line.endswith(f"; next: {edge.next}")
    assert code == edge.code
    assert "\n" not in line


@pytest.mark.parametrize("edge", [e for e in EDGES if e.next], ids=lambda e: e.kind.__name__)
def test_the_next_step_exists(edge: Edge) -> None:
    tree = command_tree()
    paths = {command.path for command in tree.walk()}
    options = {name for command in tree.walk() for option in command.options for name in option.names}
    for named in re.findall(r"`([^`]+)`", edge.next):
        words = tuple(word for word in named.split() if word.islower() and not word.startswith("-"))
        assert words in paths, named
    assert set(re.findall(r"--[a-z-]+", edge.next)) <= options


def test_an_error_that_knows_its_next_step_is_left_alone() -> None:
    knows = Problem("iam:prod", "denied", todo="renew the role")
    assert explain(knows)[0] == "iam:prod: denied (renew the role)"
    assert "next:" not in explain(Conflict("x", [FieldChange("replicas", 0, 5)]))[0]
    assert explain(Throttled("lambda:prod", "slow down", retry_after=1))[0].count("next:") == 1


def test_a_scope_without_agents_says_what_could_not_be_read() -> None:
    assert explain(EmptyScope("class:x", "no agent is known in this scope"))[1] == USAGE
    blind = EmptyScope("class:x", "no agent is known in this scope", todo="iam:prod could not be read")
    assert explain(blind) == ("class:x: no agent is known in this scope (iam:prod could not be read)", UNPROVEN)


def test_what_is_confirmed_accepted_and_approved_says_how() -> None:
    """The errors that say their next step themselves, as the real code raises them."""
    scope = Scope.parse("class:refund")
    with pytest.raises(NotConfirmed) as missing:
        confirm(scope, "production", None)
    assert explain(missing.value)[0].endswith("--confirm 'refund'")
    with pytest.raises(NotConfirmed) as wrong:
        confirm(scope, "production", "yes")
    assert "it takes 'refund'" in explain(wrong.value)[0]

    hit = SimpleNamespace(target="iam:prod/role/shared", agents=(AgentKey("research", "acme", "r-1"),))
    with pytest.raises(Exception, match="r-1") as collateral:
        check_collateral(cast("Any", SimpleNamespace(scope=scope, collateral=(hit,))), accepted=False)
    assert "--accept-collateral" in explain(collateral.value)[0]

    with pytest.raises(Exception, match="takes two people") as alone:
        check_approval("h-1", Invoker(os_user="a", uid=1, host="b"), (), datetime(2026, 1, 1, tzinfo=UTC))
    assert "`approve h-1`" in explain(alone.value)[0]

    with pytest.raises(ScopeError) as scopes:
        Scope.parse("galaxy:x")
    assert "expected" in explain(scopes.value)[0]


def test_hostile_text_is_written_out_and_a_defect_is_called_one() -> None:
    line, _ = explain(Unreachable("kubernetes:prod", "\x1b[2J\u202egone\n"))
    assert line.isprintable()
    line, code = explain(KeyError("x"))
    assert code == INTERNAL
    assert "--debug shows where" in line


def test_problems_of_platforms_are_told_apart_before_their_base() -> None:
    order = [edge.kind for edge in EDGES]
    for name, one in inspect.getmembers(problems, inspect.isclass):
        if issubclass(one, Problem):
            first = next(kind for kind in order if issubclass(one, kind))
            assert not [
                kind for kind in order if issubclass(one, kind) and issubclass(kind, first) and kind is not first
            ], name
