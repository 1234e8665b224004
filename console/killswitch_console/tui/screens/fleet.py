"""The fleet: every agent by class or tenant, what the platforms show of it, and the details of what is selected."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from killswitch_console.halting.engine import Engine
from killswitch_console.tui.lines import details, rows, top
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, plain, wrapped
from killswitch_console.tui.model import AgentRow, Grouping, Node
from killswitch_console.tui.places import Place
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.widgets.fleet_tree import FleetTree
from killswitch_console.tui.widgets.listing import Lines, Listing
from killswitch_inventory.agents import Agent, AgentKey
from killswitch_inventory.fleet import Sightedness
from killswitch_inventory.scopes import Scope, ScopeKind


class FleetScreen(ConsoleScreen):
    """The first screen."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012  (an instance variable to Textual)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h", "halt", "Halt", id="fleet.halt"),
        Binding("H", "halt_all", "Halt all", id="fleet.halt_all"),
        Binding("g", "group", "Group", id="fleet.group"),
        Binding("d", "details", "Details", id="fleet.details"),
    ]
    CHANGING = frozenset({"halt", "halt_all"})
    HELP_LINES = (
        ("↑ ↓  j k", "move; PgUp PgDn Home End (G) go further"),
        ("→ ←  l", "open or close a class; Space and Enter too; * opens or closes all"),
        ("h", "plan a halt of what is selected: an agent, a class, a tenant"),
        ("H", "plan a halt of everything"),
        ("g", "group by class or by tenant"),
        ("d  Enter", "details of the selected agent, where they have no room beside the tree"),
        ("P C F", "layers: process, credential, flag; a dot is a layer that is missing"),
        ("● ○ ? ▲ ✖", "health: ok, idle, unknown, degraded, failing"),
        ("■ halted", "it carries a halt's mark; what is proven is said by the halt itself"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._agent: Agent | None = None
        self._asked: Node | None = None

    def body(self) -> ComposeResult:
        """Why platforms cannot be seen, then the tree beside its details."""
        yield Lines(self._problems, id="problems")
        with Horizontal(id="middle"):
            with Vertical(id="left"):
                yield Lines(self._columns, id="columns")
                yield FleetTree(self.state.fleet, id="tree")
                yield Listing(self._empty, id="empty")
            yield Listing(self._details, id="details")

    def on_mount(self) -> None:
        """Keys go to the tree."""
        self.query_one(FleetTree).focus()

    # -- lines -----------------------------------------------------------------------------------------------------

    def _problems(self, width: int) -> list[Line]:
        return top.problems(self.state.backends, width)

    def _columns(self, width: int) -> list[Line]:
        return [rows.header(width - 1, self.state.fleet.grouping)] if len(self.state.fleet) else []

    def _empty(self, width: int) -> list[Line]:
        """What to say while there is no agent to show: starting, listing, failed, or truly none."""
        state = self.state
        room = width - 4
        if state.problem:
            said = [plain("The engine could not start", Tone.BAD), *wrapped(state.problem, room)]
        elif not state.backends or state.listing:
            names = ", ".join(str(view.ref) for view in state.listing) or "the platforms"
            said = [plain("Listing agents", Tone.ACCENT), *wrapped(f"waiting for {names}", room, tone=Tone.MUTED)]
        elif all(view.sightedness is Sightedness.FAILED for view in state.backends):
            said = [
                plain("No platform can be seen", Tone.BAD),
                *wrapped("The reasons stand above; each is tried again every few seconds.", room),
            ]
        else:
            why = (
                "No target on these platforms carries an agent label or tag, and none is declared in the configuration."
            )
            said = [plain("No agent is known", Tone.WARN), *wrapped(why, room)]
        return [BLANK, *((("  ", Tone.PLAIN), *line) for line in said)]

    def _details(self, width: int) -> list[Line]:
        node = self.query_one(FleetTree).node
        if node is None:
            return details.nothing()
        shown = self.state.fleet.show(node)
        if shown is None:
            return details.nothing()
        if not isinstance(shown, AgentRow):
            return details.group(shown, width - 1)
        if self._agent is None or self._agent.key != shown.key:
            return [plain(shown.key.name, Tone.STRONG)]
        return details.agent(self._agent, self.now, width - 1, doubt=self.state.coverage_doubt)

    # -- keeping fresh ---------------------------------------------------------------------------------------------

    def freshen_body(self) -> None:
        """Repaint what changed, ask for the selected agent's details again if it did."""
        known = len(self.state.fleet) > 0
        self.query_one("#empty").display = not known
        tree = self.query_one(FleetTree)
        tree.display = known
        for name in ("#problems", "#columns"):
            self.query_one(name, Lines).show()
        tree.follow()
        if not known:
            self.query_one("#empty", Listing).show()
        if isinstance(tree.node, AgentKey) and tree.node in self.state.changed_agents:
            self._look(tree.node)
        self.query_one("#details", Listing).show()

    @on(FleetTree.Moved)
    def _moved(self, event: FleetTree.Moved) -> None:
        self.query_one("#details", Listing).scroll_to(y=0, animate=False, immediate=True)
        self.query_one("#details", Listing).show()
        if isinstance(event.node, AgentKey):
            self._look(event.node)

    @work(exclusive=True, group="details", exit_on_error=False)
    async def _look(self, key: AgentKey) -> None:
        """Ask the engine for all it knows of one agent; only the latest question counts."""

        async def ask(engine: Engine) -> Agent | None:
            return engine.fleet.agent(key)

        self._agent = await self.console_app.ask(ask, name=f"details of {key}")
        self.query_one("#details", Listing).show()

    # -- keys ------------------------------------------------------------------------------------------------------

    def action_halt(self) -> None:
        """Plan a halt of what is selected."""
        node = self.query_one(FleetTree).node
        if node is None:
            self.app.bell()
        elif isinstance(node, AgentKey):
            self.console_app.open_plan(Scope(ScopeKind.AGENT, node.name))
        else:
            kind = ScopeKind.CLASS if self.state.fleet.grouping is Grouping.CLASS else ScopeKind.TENANT
            self.console_app.open_plan(Scope(kind, node))

    def action_halt_all(self) -> None:
        """Plan a halt of everything."""
        self.console_app.open_plan(Scope(ScopeKind.GLOBAL))

    def action_group(self) -> None:
        """Group by the other thing; stay with the selected agent's group."""
        fleet = self.state.fleet
        tree = self.query_one(FleetTree)
        node = tree.node
        fleet.regroup(Grouping.TENANT if fleet.grouping is Grouping.CLASS else Grouping.CLASS)
        if isinstance(node, AgentKey):
            fleet.expand(fleet.group_of(node), on=True)
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

    def action_back(self) -> None:
        """From the details back to the tree."""
        if self.has_class("-details"):
            self.action_details()


PLACE = Place(name="fleet", key="1", title="Fleet", open=FleetScreen, summary="every agent")
