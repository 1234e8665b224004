"""What connected SDKs are served: the streaming and polling endpoints, and the answer agents get.

A change made over REST reaches the edge after a small drawn delay, in order, as on the real platform; from that moment
every connected SDK is sent it and ``evaluate`` answers by it. So all agents change over together, and a separate SDK
client that is served the new value sees what the agents see.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256

from killswitch_backends.simulator.launchdarkly.flags import Flag, Json
from killswitch_backends.simulator.launchdarkly.rendering import sdk_flag
from killswitch_backends.simulator.seams import FLAG_ENVIRONMENT

DELAY = (0.01, 0.2)
"""Shortest and longest time from a change to its arrival at connected SDKs, in seconds; drawn for each change."""

BACKLOG = 10_000
"""Frames a stream may be behind; one that is further behind is closed, and its SDK reconnects."""

_Queue = asyncio.Queue[bytes | None]


class Edge:
    """One environment's flags as SDKs are served them now."""

    def __init__(
        self, *, rng: random.Random, delay: tuple[float, float] = DELAY, environment: str = FLAG_ENVIRONMENT
    ) -> None:
        self.delay = delay
        self.environment = environment
        self._rng = rng
        self._served: dict[str, dict[str, Json]] = {}
        self._coming: deque[tuple[str, dict[str, Json] | None, int]] = deque()
        self._last_due = 0.0
        self._streams: set[_Queue] = set()
        self._put: bytes | None = None

    def load(self, flags: Iterable[Flag]) -> None:
        """Serve these flags at once: the beginning of the world."""
        self._served.update({flag.key: sdk_flag(flag, self.environment) for flag in flags})
        self._put = None

    def announce(self, flag: Flag) -> None:
        """Let a changed flag reach connected SDKs after the drawn delay; an archived one is taken from them."""
        body = sdk_flag(flag, self.environment)
        self._coming.append((flag.key, None if flag.archived else body, body["version"]))
        loop = asyncio.get_running_loop()
        self._last_due = max(self._last_due, loop.time() + self._rng.uniform(*self.delay))
        loop.call_at(self._last_due, self._arrive)

    def evaluate(self, flag: str) -> tuple[bool, int]:
        """What a connected agent is served now: whether it is true, and the flag's version.

        Targeting by context is left out: rules and individual targets are for the SDKs that carry a context. A flag
        that is not served is false at version 0, as an agent's code has it by default.
        """
        body = self._served.get(flag)
        if body is None:
            return False, 0
        index = self._index(body, frozenset())
        return index is not None and body["variations"][index] is True, int(body["version"])

    def put_data(self) -> bytes:
        """All flags and segments, as JSON."""
        if self._put is None:
            self._put = json.dumps({"flags": self._served, "segments": {}}, separators=(",", ":")).encode()
        return self._put

    def etag(self) -> str:
        """Changes with what is served."""
        return f'"{sha256(self.put_data()).hexdigest()[:32]}"'

    @contextmanager
    def stream(self) -> Iterator[_Queue]:
        """One connected stream: a queue of frames, beginning with all data; None ends it."""
        queue: _Queue = asyncio.Queue()
        queue.put_nowait(frame("put", b'{"path":"/","data":' + self.put_data() + b"}"))
        self._streams.add(queue)
        try:
            yield queue
        finally:
            self._streams.discard(queue)

    @property
    def streams(self) -> int:
        """How many SDKs are connected."""
        return len(self._streams)

    def disconnect(self) -> None:
        """End every stream; their SDKs reconnect when they see fit."""
        for queue in self._streams:
            queue.put_nowait(None)

    def _arrive(self) -> None:
        """The oldest announced change is served from now on."""
        key, body, version = self._coming.popleft()
        self._put = None
        if body is None:
            self._served.pop(key, None)
            self._send(frame("delete", _json({"path": f"/flags/{key}", "version": version})))
        else:
            self._served[key] = body
            self._send(frame("patch", _json({"path": f"/flags/{key}", "data": body})))

    def _send(self, data: bytes) -> None:
        for queue in self._streams:
            queue.put_nowait(None if queue.qsize() > BACKLOG else data)

    def _index(self, body: dict[str, Json], asked: frozenset[str]) -> int | None:
        """Which variation a flag serves to a context that no rule names."""
        if body["on"] and all(self._met(need, asked | {body["key"]}) for need in body["prerequisites"]):
            rollout = body["fallthrough"].get("rollout")
            if rollout:
                return int(max(rollout["variations"], key=lambda share: share["weight"])["variation"])
            return int(body["fallthrough"]["variation"])
        off = body["offVariation"]
        return None if off is None else int(off)

    def _met(self, need: dict[str, Json], asked: frozenset[str]) -> bool:
        other = self._served.get(need["key"])
        if other is None or not other["on"] or other["key"] in asked:
            return False
        return self._index(other, asked) == int(need["variation"])


def frame(event: str, data: bytes) -> bytes:
    """One server-sent event."""
    return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"


def _json(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
