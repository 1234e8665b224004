"""The fleet's tree: draws only visible rows of the flat model, and keeps its cursor on what it stands on."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from killswitch_console.tui.lines import rows
from killswitch_console.tui.lines.spans import Line, Tone
from killswitch_console.tui.model import AgentRow, FleetModel, Node
from killswitch_console.tui.widgets.toned import CURSOR_MARK, TonedView
from killswitch_inventory.agents import AgentKey


class FleetTree(TonedView, can_focus=True):
    """A tree of groups and agents over a ``FleetModel`` that others fill; ``follow`` repaints what changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="tree.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="tree.down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="tree.page_up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="tree.page_down"),
        Binding("ctrl+u", "page(-0.5)", "Half a page up", show=False, id="tree.half_up"),
        Binding("ctrl+d", "page(0.5)", "Half a page down", show=False, id="tree.half_down"),
        Binding("home", "edge(0)", "Top", show=False, id="tree.top"),
        Binding("end,G", "edge(1)", "Bottom", show=False, id="tree.bottom"),
        Binding("right,l", "open", "Open group", show=False, id="tree.open"),
        Binding("left,h", "close", "Close group", show=False, id="tree.close"),
        Binding("enter", "enter", "Open", id="tree.enter"),
        Binding("asterisk", "all", "Open or close all groups", show=False, id="tree.all"),
        Binding("n", "problem(1)", "Next problem", show=False, id="tree.next_problem"),
        Binding("N", "problem(-1)", "Previous problem", show=False, id="tree.previous_problem"),
        Binding("space", "mark", "Mark", show=False, id="tree.mark"),
        Binding("v", "range", "Begin or end a range of marks", show=False, id="tree.range"),
        Binding("u", "unmark", "Take all marks away", show=False, id="tree.unmark"),
    ]
    DEFAULT_CSS = "FleetTree { height: 1fr; scrollbar-gutter: stable; }"

    class Moved(Message):
        """The cursor stands on something else now."""

        def __init__(self, node: Node | None) -> None:
            super().__init__()
            self.node = node

    class Marked(Message):
        """Other agents are marked now."""

    class Entered(Message):
        """Enter was pressed on an agent: the person wants to see more of it."""

    def __init__(self, model: FleetModel, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.model = model
        self.node: Node | None = None
        """What the cursor stands on."""
        self._row = 0
        self._ranging_from: Node | None = None
        """Where a range of marks began, while one is being made."""
        self._painted: dict[int, Line] = {}
        """What each row of the screen was last painted as."""

    # -- following the model ---------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Repaint what changed in the model since the last call, as far as it is visible."""
        restructured, touched = self.model.settle()
        if restructured:
            self._restructure()
        elif touched:
            top = self.scroll_offset.y
            visible = range(top, min(top + self.size.height, self.model.row_count))
            regions = [self._region(row) for row in visible if self.model.node(row) in touched and self._differs(row)]
            if regions:
                self.refresh(*regions)

    def _differs(self, row: int) -> bool:
        """Whether a visible row is not as it was painted."""
        return self._painted.get(row - self.scroll_offset.y) != self._row_line(row)

    def _restructure(self) -> None:
        """Rows moved: keep the cursor on its node, and that node where it is on the screen."""
        offset = self._row - self.scroll_offset.y
        self.virtual_size = Size(self.line_width, self.model.row_count)
        row = self.model.row_of(self.node) if self.node is not None else 0
        if row is None and self.node is not None:
            row = self.model.row_of(self.model.group_of(self.node))
        self._place(self._row if row is None else row)
        self.scroll_to(y=max(0, self._row - offset), animate=False, immediate=True, force=True)
        self.refresh()

    def _place(self, row: int) -> None:
        self._row = max(0, min(row, self.model.row_count - 1))
        node = self.model.node(self._row)
        if node != self.node:
            self._reach(node)
            self.node = node
            self.post_message(self.Moved(node))

    def on_resize(self, _: events.Resize) -> None:
        """Another width, other columns."""
        self.virtual_size = Size(self.line_width, self.model.row_count)
        self._into_view()
        self.refresh()

    def visible_nodes(self) -> list[Node]:
        """What stands in the rows that are on the screen."""
        top = self.scroll_offset.y
        nodes = (self.model.node(row) for row in range(top, min(top + self.size.height, self.model.row_count)))
        return [node for node in nodes if node is not None]

    # -- painting --------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Paint one visible row."""
        row = y + self.scroll_offset.y
        line = self._painted[y] = self._row_line(row)
        return self.paint(line, cursor=row == self._row and bool(line))

    def _row_line(self, row: int) -> Line:
        node = self.model.node(row)
        if node is None:
            return ()
        here = row == self._row
        mark = (f"{CURSOR_MARK} " if here and self.has_focus else "> " if here else "  ", Tone.ACCENT)
        return (mark, *self._line(node))

    def _line(self, node: Node) -> Line:
        shown = self.model.show(node)
        if shown is None:
            return ()
        if isinstance(shown, AgentRow):
            return rows.agent(shown, self.line_width, self.model.grouping)
        return rows.group(shown, self.line_width)

    def _region(self, row: int) -> Region:
        return Region(0, row - self.scroll_offset.y, self.size.width, 1)

    # -- moving ----------------------------------------------------------------------------------------------------

    def go(self, row: int) -> None:
        """Put the cursor into a row."""
        before = self._row
        self._place(row)
        self.refresh(self._region(before), self._region(self._row))
        self._into_view()

    def _into_view(self) -> None:
        top, height = self.scroll_offset.y, self.size.height
        if self._row < top:
            self.scroll_to(y=self._row, animate=False, immediate=True, force=True)
        elif height and self._row >= top + height:
            self.scroll_to(y=self._row - height + 1, animate=False, immediate=True, force=True)

    def action_move(self, by: int) -> None:
        """Up or down."""
        self.go(self._row + by)

    def action_page(self, by: float) -> None:
        """Pages up or down."""
        self.go(self._row + round(by * max(1, self.size.height - 1)))

    def action_edge(self, end: int) -> None:
        """To the first row or the last."""
        self.go(self.model.row_count - 1 if end else 0)

    def _turn(self, name: str) -> None:
        """Open a group, or close it."""
        row = self.model.show(name)
        self._expand(name, on=not (row is not None and not isinstance(row, AgentRow) and row.expanded))

    def action_open(self) -> None:
        """Open the group under the cursor; into it if it is open."""
        if isinstance(self.node, str):
            row = self.model.show(self.node)
            if row is not None and not isinstance(row, AgentRow) and row.expanded:
                self.go(self._row + 1)
            else:
                self._expand(self.node, on=True)

    def action_close(self) -> None:
        """Close the group under the cursor; from an agent, go to its group."""
        if isinstance(self.node, str):
            self._expand(self.node, on=False)
        elif self.node is not None and (row := self.model.row_of(self.model.group_of(self.node))) is not None:
            self.go(row)

    def action_enter(self) -> None:
        """Deeper: open a group, look at an agent."""
        if isinstance(self.node, str):
            self._turn(self.node)
        elif self.node is not None:
            self.post_message(self.Entered())

    def action_all(self) -> None:
        """Open every group, or close them all if any is open."""
        self.model.expand_all(on=self.model.row_count == self.model.group_count)
        self.follow()

    def action_problem(self, turn: int) -> None:
        """To the next agent that is unwell or not covered, or the one before; opens its group."""
        found = self.model.problem_after(self.node, back=turn < 0)
        if found is None:
            self.app.bell()
            return
        self.show_node(found)

    def show_node(self, node: Node) -> None:
        """Put the cursor on something, opening the group it is in."""
        self.model.expand(self.model.group_of(node), on=True)
        self.follow()
        if (row := self.model.row_of(node)) is not None:
            self.go(row)

    # -- marks -----------------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark the agent under the cursor, or all of the group; a second time: mark it no more. Then one down."""
        if isinstance(self.node, str):
            members = list(self.model.members(self.node))
            self.model.mark(members, on=not set(members) <= self.model.marked)
        elif self.node is not None:
            self.model.mark([self.node], on=self.node not in self.model.marked)
        self._marked()
        self.action_move(1)

    def action_range(self) -> None:
        """Begin a range at the cursor: what it passes is marked, until the same key ends the range."""
        self._ranging_from = None if self._ranging_from is not None else self.node
        self._reach(self.node)
        self._marked()

    def _reach(self, node: Node | None) -> None:
        """Mark all agents from where a range began to where the cursor goes."""
        if self._ranging_from is None or node is None:
            return
        first, last = self.model.row_of(self._ranging_from), self.model.row_of(node)
        if first is None or last is None:
            self._ranging_from = None
            return
        nodes = (self.model.node(row) for row in range(min(first, last), max(first, last) + 1))
        self.model.mark([n for n in nodes if isinstance(n, AgentKey)], on=True)
        self._marked()

    def action_unmark(self) -> None:
        """Take all marks away."""
        self._ranging_from = None
        self.model.mark(list(self.model.marked), on=False)
        self._marked()

    @property
    def ranging(self) -> bool:
        """Whether a range of marks is being made."""
        return self._ranging_from is not None

    def end_range(self) -> None:
        """End a range; what it marked stays marked."""
        self._ranging_from = None
        self._marked()

    def _marked(self) -> None:
        self.follow()
        self.post_message(self.Marked())

    def _expand(self, name: str, *, on: bool) -> None:
        self.model.expand(name, on=on)
        self.follow()
        self._into_view()

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there; a second one opens."""
        row = event.y + self.scroll_offset.y
        if row >= self.model.row_count:
            return
        if row == self._row:
            self.action_enter()
        else:
            self.go(row)
