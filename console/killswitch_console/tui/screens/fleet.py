"""The fleet: every agent by class, tenant, platform or health, filtered and marked, beside the details of one."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Input

from killswitch_console.halting.engine import Engine
from killswitch_console.hostile import clean
from killswitch_console.tui.fleet_filter import parse
from killswitch_console.tui.lines import details, fleet, rows, top
from killswitch_console.tui.lines.spans import Line, Tone, plain
from killswitch_console.tui.model import AgentRow, Grouping, Node
from killswitch_console.tui.places import Place
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.widgets.field import Field, text_line
from killswitch_console.tui.widgets.fleet_tree import FleetTree
from killswitch_console.tui.widgets.listing import Lines, Listing
from killswitch_inventory.agents import Agent, AgentKey
from killswitch_inventory.scopes import Scope, ScopeKind

PATIENT_FROM = 20_000
"""Agents from which on a filter waits a moment for more letters: looking at each takes some tens of milliseconds."""

PATIENCE_SECONDS = 0.06


class FleetScreen(ConsoleScreen):
    """The first screen."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012  (an instance variable to Textual)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("H", "halt", "Halt", id="fleet.halt"),
        Binding("exclamation_mark", "halt_all", "All", tooltip="Halt everything", id="fleet.halt_all"),
        Binding("slash", "filter", "Filter", id="fleet.filter"),
        Binding("g", "group", "Group", id="fleet.group"),
        Binding("d", "details", "Details", id="fleet.details"),
    ]
    CHANGING = frozenset({"halt", "halt_all"})
    HELP_LINES = (
        ("↑ ↓  j k", "move; PgUp PgDn, Ctrl-U Ctrl-D, Home End (G) go further"),
        ("→ ←  l h", "open or close a group; Enter goes deeper; * opens or closes all"),
        ("/", "filter as you type: words, class: tenant: backend: state:, !not; Esc clears it"),
        ("n  N", "to the next problem, or the one before"),
        ("Space  v", "mark an agent or a group; begin or end a range; u takes all marks away"),
        ("H", "plan a halt of what is marked, or else selected: an agent, a class, a tenant"),
        ("!", "plan a halt of everything"),
        ("g", "group by class, tenant, backend, cluster or account, health"),
        ("d  Enter", "details of the selected agent, where they have no room beside the tree"),
        ("y", "copy the name of what is selected"),
        ("P C F", "layers: process, credential, flag; a dot is a layer that is missing"),
        ("● ○ ? ▲ ✖", "health: ok, idle, unknown, degraded, failing"),
        ("■ halted", "it carries a halt's mark; what is proven is said by the halt itself"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._agent: Agent | None = None
        self._soon: Timer | None = None

    def body(self) -> ComposeResult:
        """Why platforms cannot be seen, then the tree beside its details."""
        yield Lines(self._problems, id="problems")
        with Horizontal(id="middle"):
            with Vertical(id="left"):
                yield Lines(self._columns, id="columns")
                yield FleetTree(self.state.fleet, id="tree")
                yield Listing(self._empty, id="empty")
                yield Lines(self._chosen, id="chosen")
                yield Field("Filter", text_line(id="typed", most=200), id="filter")
            yield Listing(self._details, id="details")

    def on_mount(self) -> None:
        """Keys go to the tree."""
        self.query_one("#filter").display = False
        self.query_one(FleetTree).focus()

    # -- lines -----------------------------------------------------------------------------------------------------

    def _problems(self, width: int) -> list[Line]:
        return top.problems(self.state.backends, width)

    def _columns(self, width: int) -> list[Line]:
        return [rows.header(width - 1, self.state.fleet.grouping)] if len(self.state.fleet) else []

    def _empty(self, width: int) -> list[Line]:
        return fleet.empty(self.state, width)

    def _chosen(self, width: int) -> list[Line]:
        return fleet.chosen(self.state.fleet, width, ranging=self.query_one(FleetTree).ranging)

    def _details(self, width: int) -> list[Line]:
        node = self.query_one(FleetTree).node
        shown = self.state.fleet.show(node) if node is not None else None
        if node is None or shown is None:
            return details.nothing()
        samples = self.state.history.of(node)
        if not isinstance(shown, AgentRow):
            return details.group(shown, width - 1, samples)
        if self._agent is None or self._agent.key != shown.key:
            return [plain(clean(shown.key.name), Tone.STRONG)]
        return details.agent(self._agent, self.now, width - 1, doubt=self.state.coverage_doubt, samples=samples)

    # -- keeping fresh ---------------------------------------------------------------------------------------------

    def freshen_body(self) -> None:
        """Repaint what changed."""
        some = self.state.fleet.row_count > 0
        self.query_one("#empty").display = not some
        tree = self.query_one(FleetTree)
        tree.display = some
        for name in ("#problems", "#columns", "#chosen"):
            self.query_one(name, Lines).show()
        tree.follow()
        if not some:
            self.query_one("#empty", Listing).show()
        self.state.history.sample(self.state.fleet, tree.visible_nodes(), int(self.now.timestamp()))
        self.query_one("#details", Listing).show()

    def freshen_first(self) -> None:
        """Ask for the selected agent's details again if it changed: the next news may not name it."""
        node = self.query_one(FleetTree).node
        if isinstance(node, AgentKey) and self.state.has_changed(node):
            self._look(node)

    @on(FleetTree.Moved)
    def _moved(self, event: FleetTree.Moved) -> None:
        self.query_one("#details", Listing).scroll_to(y=0, animate=False, immediate=True)
        self.query_one("#details", Listing).show()
        if isinstance(event.node, AgentKey):
            self._look(event.node)

    @on(FleetTree.Marked)
    def _marked(self) -> None:
        self.query_one("#chosen", Lines).show()
        self.query_one("#details", Listing).show()

    @work(exclusive=True, group="details", exit_on_error=False)
    async def _look(self, key: AgentKey) -> None:
        """Ask the engine for all it knows of one agent; only the latest question counts."""

        async def ask(engine: Engine) -> Agent | None:
            return engine.fleet.agent(key)

        self._agent = await self.console_app.ask(ask, name=f"details of {key}")
        self.query_one("#details", Listing).show()

    # -- filter ----------------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one("#filter").display = True
        self.query_one("#typed").focus()

    def filter_by(self, text: str) -> None:
        """Filter by a text, as if it had been typed."""
        self.query_one("#typed", Input).value = text

    @on(Input.Changed, "#typed")
    def _typed(self) -> None:
        if self._soon is not None:
            self._soon.stop()
        wait = PATIENCE_SECONDS if len(self.state.fleet) > PATIENT_FROM else 0.001
        self._soon = self.set_timer(wait, self._apply_filter, name="filter")

    def _apply_filter(self) -> None:
        self._soon = None
        text = self.query_one("#typed", Input).value
        if text != self.state.fleet.filter.text:
            self.state.fleet.filter_by(parse(text))
            self.freshen_body()

    @on(Input.Submitted, "#typed")
    def _filtered(self) -> None:
        """Keep the filter; keys go to the tree again."""
        self._apply_filter()
        self._close_filter()

    def _close_filter(self) -> None:
        self.query_one("#filter").display = False
        self.query_one(FleetTree).focus()

    # -- keys ------------------------------------------------------------------------------------------------------

    def action_halt(self) -> None:
        """Plan a halt of what is marked; if nothing is, of what is selected."""
        model, node = self.state.fleet, self.query_one(FleetTree).node
        if model.marked:
            names = sorted({key.name for key in model.marked})
            self.console_app.open_plan(*(Scope(ScopeKind.AGENT, name) for name in names))
        elif isinstance(node, AgentKey):
            self.console_app.open_plan(Scope(ScopeKind.AGENT, node.name))
        elif node is not None and (kind := details.SCOPES.get(model.grouping)) is not None:
            self.console_app.open_plan(Scope(kind, node))
        else:
            self.app.bell()

    def action_halt_all(self) -> None:
        """Plan a halt of everything."""
        self.console_app.open_plan(Scope(ScopeKind.GLOBAL))

    def action_group(self) -> None:
        """Group by the next thing."""
        every = list(Grouping)
        self.group_by(every[(every.index(self.state.fleet.grouping) + 1) % len(every)])

    def group_by(self, grouping: Grouping) -> None:
        """Group by something; stay with the selected agent, in its new group."""
        model, tree = self.state.fleet, self.query_one(FleetTree)
        node = tree.node
        model.regroup(grouping)
        if isinstance(node, AgentKey):
            model.expand(model.group_of(node), on=True)
        self.freshen_body()

    def action_details(self) -> None:
        """Show the details instead of the tree, or again beside or behind it."""
        self.toggle_class("-details")
        shown = self.has_class("-details")
        (self.query_one("#details") if shown else self.query_one(FleetTree)).focus()

    @on(FleetTree.Entered)
    def _entered(self) -> None:
        if self.has_class("-narrow"):
            self.action_details()

    def show_node(self, node: Node) -> None:
        """Put the cursor on an agent or a group."""
        self.query_one(FleetTree).show_node(node)

    def copied(self) -> str:
        """The name of what is selected: what the copy key takes."""
        node = self.query_one(FleetTree).node
        return node.name if isinstance(node, AgentKey) else node or ""

    def action_back(self) -> None:
        """One step back: from the details, out of the range, out of the filter, out of the marks."""
        tree = self.query_one(FleetTree)
        if self.has_class("-details"):
            self.action_details()
        elif tree.ranging:
            tree.end_range()
        elif self.query_one("#filter").display or self.state.fleet.filter.text:
            self.query_one("#typed", Input).value = ""
            self._apply_filter()
            self._close_filter()
        else:
            tree.action_unmark()


PLACE = Place(name="fleet", key="1", title="Fleet", open=FleetScreen, summary="every agent")
