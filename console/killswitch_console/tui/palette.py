"""What can be typed after ``:``: every place, every key of the screen, every scope to halt, filter or look at.

Pure but for what an entry does when it is run. Nothing here halts: ``halt SCOPE`` opens the plan, as the key does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from textual.binding import Binding
from textual.screen import Screen

from killswitch_console.hostile import clean
from killswitch_console.tui.model import Grouping
from killswitch_console.tui.terminal import PLAIN_THEME
from killswitch_console.tui.themes import THEMES
from killswitch_console.tui.widgets.keys_bar import written
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope, ScopeError, ScopeKind

if TYPE_CHECKING:
    from killswitch_console.tui.navigating import Navigating

MOST: Final = 60
"""Entries offered at once."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that can be done."""

    text: str
    """What is typed for it."""
    says: str
    run: Callable[[Navigating], None]


class Palette:
    """All entries of one moment, and those that fit what is typed."""

    def __init__(self, app: Navigating, screen: Screen[Any]) -> None:
        self._app = app
        self._fixed = [*_places(app), *_keys(screen), *_settings(), *_open_halts(app)]
        classes, tenants = app.state.fleet.classes_and_tenants()
        self._scopes = [f"{kind}:{name}" for kind, names in (("class", classes), ("tenant", tenants)) for name in names]

    def fitting(self, typed: str) -> list[Entry]:
        """The entries that have every typed word in them, those that begin with what is typed first."""
        asked = typed.strip().lower()
        words = asked.split()
        fixed = [e for e in self._fixed if all(word in f"{e.text} {e.says}".lower() for word in words)]
        fixed.sort(key=lambda e: (not e.text.lower().startswith(asked), not all(w in e.text.lower() for w in words)))
        return list(islice((*fixed, *self._about_scopes(words)), MOST))

    def _about_scopes(self, words: list[str]) -> Iterator[Entry]:
        """``halt SCOPE`` and ``show AGENT``, as far as the words name them; global only when it is asked for."""
        if not words:
            return
        verb, *rest = words if words[0] in _VERBS else ["", *words]
        wanted = " ".join(rest)
        if verb in ("", "halt") and not self._app.state.read_only:
            yield from (_halt(text) for text in ("global", *self._scopes) if _fits(text, wanted, verb))
            if typed := _scope(wanted):
                yield _halt(str(typed))
            yield from (_halt(f"agent:{key.name}") for key in self._agents(wanted))
        if verb in ("", "show"):
            yield from (_show(key) for key in self._agents(wanted))
        if verb == "filter" and wanted:
            yield Entry(f"filter {wanted}", "show these only", lambda app: _filter(app, wanted))

    def _agents(self, wanted: str) -> Iterable[AgentKey]:
        sought = wanted.removeprefix("agent:")
        return self._app.state.fleet.named_like(sought, MOST) if sought else ()


_VERBS: Final = ("halt", "show", "filter")


def _fits(text: str, wanted: str, verb: str) -> bool:
    return wanted in text if wanted else bool(verb)


def _scope(text: str) -> Scope | None:
    """A scope typed in full that needs no list to be found: an instance."""
    try:
        scope = Scope.parse(text)
    except ScopeError:
        return None
    return scope if scope.kind is ScopeKind.INSTANCE else None


def _halt(text: str) -> Entry:
    scope = Scope.parse(text)
    return Entry(f"halt {clean(text)}", "plan a halt", lambda app: app.open_plan(scope))


def _show(key: AgentKey) -> Entry:
    def run(app: Navigating) -> None:
        app.show_agent(key)

    return Entry(f"show {clean(key.name)}", f"in {clean(key.agent_class)}, {clean(key.tenant)}", run)


def _places(app: Navigating) -> Iterator[Entry]:
    for place in app.places.load():
        yield Entry(place.name, place.summary or place.title, lambda app, place=place: app.go(place))  # type: ignore[misc]


def _keys(screen: Screen[Any]) -> Iterator[Entry]:
    """What the keys of the screen below do, by the words of its bindings."""
    seen = set()
    for key, active in screen.active_bindings.items():
        binding = active.binding
        if not active.enabled or not binding.description or binding.action in seen or _idle(binding):
            continue
        seen.add(binding.action)
        does = (binding.tooltip or binding.description).lower()
        yield Entry(does, f"key {written(key)}", lambda app, key=key: app.press_below(key))  # type: ignore[misc]


def _idle(binding: Binding) -> bool:
    """Whether there is nothing to look for: Textual's own, a place (listed as such), what only moves the cursor."""
    return binding.system or binding.action.partition("(")[0].rpartition(".")[2] in _IDLE


_IDLE: Final = frozenset(
    {
        "palette",
        "place",
        "quit",
        "help_quit",
        "copy_text",
        "move",
        "page",
        "edge",
        "go",
        "scroll",
        "focus_next",
        "focus_previous",
    }
    | {f"scroll_{where}" for where in ("up", "down", "left", "right", "home", "end")}
    | {f"page_{where}" for where in ("up", "down", "left", "right")}
)


def _settings() -> Iterator[Entry]:
    for grouping in Grouping:
        yield Entry(
            f"group by {grouping}",
            "the fleet",
            lambda app, grouping=grouping: app.group_by(grouping),  # type: ignore[misc]
        )
    for name in (*(theme.name for theme in THEMES), PLAIN_THEME):
        yield Entry(f"theme {name}", "colours", lambda app, name=name: setattr(app, "theme", name))  # type: ignore[misc]


def _open_halts(app: Navigating) -> Iterator[Entry]:
    for halt in app.state.book.newest_first()[:MOST]:
        head = halt.header
        about = f"{clean(str(head.scope))}: {clean(head.reason, most=60)}"
        yield Entry(f"open {head.halt_id}", about, lambda app, head=head: app.open_halt(head.halt_id, head.scope))  # type: ignore[misc]
        if halt.held and not halt.phase.under_way and not app.state.read_only:
            yield Entry(f"restore {head.halt_id}", about, lambda app, head=head: app.open_restore(head.halt_id))  # type: ignore[misc]


def _filter(app: Navigating, text: str) -> None:
    app.filter_by(text)
