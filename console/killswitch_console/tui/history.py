"""How much ran lately, of groups always and of agents since they were first on the screen: what a sparkline draws.

Sampled once a second by the screen's clock; a sample per group and per agent that was lately shown, never the fleet.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from killswitch_console.tui.model import FleetModel, Grouping, Node

SAMPLES: Final = 120
"""Seconds that are kept."""

AGENTS_MOST: Final = 400
"""Agents that are kept; those that were shown least lately give way."""


class History:
    """Samples of what runs."""

    def __init__(self) -> None:
        self._groups: dict[str, deque[int]] = {}
        self._agents: OrderedDict[Node, deque[int]] = OrderedDict()
        self._grouping: Grouping | None = None
        self._second = -1

    def sample(self, fleet: FleetModel, shown: Iterable[Node], second: int) -> None:
        """Take a sample of every group and of the agents that are shown, once per second."""
        if second == self._second:
            return
        self._second = second
        if fleet.grouping is not self._grouping:
            self._grouping, self._groups = fleet.grouping, {}
        names = fleet.group_names()
        self._groups = {name: self._groups.get(name) or deque(maxlen=SAMPLES) for name in names}
        for node in shown:
            if not isinstance(node, str):
                self._agents.setdefault(node, deque(maxlen=SAMPLES))
                self._agents.move_to_end(node)
        while len(self._agents) > AGENTS_MOST:
            self._agents.popitem(last=False)
        for known in (self._groups, self._agents):
            for node, samples in known.items():
                samples.append(fleet.running(node) or 0)

    def of(self, node: Node) -> tuple[int, ...]:
        """The samples of a group or an agent, the latest last."""
        kept = self._groups.get(node) if isinstance(node, str) else self._agents.get(node)
        return tuple(kept or ())
