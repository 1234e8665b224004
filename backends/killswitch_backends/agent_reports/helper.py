"""For agents: tell the board which version of a flag this instance evaluated last.

    reporter = FlagReporter("https://flag-board.internal/agent-reports", agent="refund-1", token=token)
    if ask(client, "agent-refund-1", context, False, reporter):   # instead of client.variation(...)
        ...                                                       # one task

This one file may be copied into an agent: it needs the standard library only, and for ``ask`` a LaunchDarkly server SDK
client of the agent's own. It must never slow an agent down or stop it: nothing here waits for the network but a daemon
thread of its own, and whatever fails there is kept in ``problem``.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import urllib.request
from typing import Any
from urllib.parse import quote

EVERY = 10.0
"""Seconds between two reports when nothing changed: an instance that is silent for three of them counts as lost."""

_TIMEOUT = 3.0
_AGAIN = 1.0
"""Seconds until a report that failed is sent again."""

UNSAID = object()


class FlagReporter:
    """Reports for one running instance. Thread-safe; use one per process.

    Args:
        url: the board's address, e.g. ``https://flag-board.internal/agent-reports``.
        agent: the agent's name, as its flag's tag ``agent:NAME`` has it.
        instance: what tells this copy from others; a pod's name, a Lambda environment's log stream, if left out.
        token: sent as a bearer token, if the board wants one.
        every: seconds between two reports when nothing changed.
    """

    def __init__(self, url: str, *, agent: str, instance: str = "", token: str = "", every: float = EVERY) -> None:
        instance = instance or os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "") or socket.gethostname()
        self._url = f"{url.rstrip('/')}/reports/{quote(agent, safe='')}/{quote(instance, safe='')}"
        self._token, self._every = token, every
        self._flags: dict[str, int] = {}
        self._defaults: dict[str, object] = {}
        self._changed = threading.Condition()
        self._unsent = self._closing = False
        self.problem = ""
        """Why the last report did not arrive; empty when it did."""
        self._thread = threading.Thread(target=self._work, name="flag reports", daemon=True)
        self._thread.start()

    def saw(self, flag: str, version: int, *, default: object = UNSAID) -> None:
        """Tell that this instance has just acted on this version of a flag, or a later one. Never waits or raises.

        ``default`` is what this agent goes by when it has no flag; say it if it is a plain value, so that the console
        can tell whether the agent fails closed.
        """
        plain = default is None or isinstance(default, bool | int | float | str)
        with self._changed:
            if plain and (flag, default) not in self._defaults.items():
                self._defaults[flag] = default
                self._unsent = True
            if self._flags.get(flag) != version:
                self._flags[flag] = version
                self._unsent = True
            if self._unsent:
                self._changed.notify()

    def close(self, timeout: float = _TIMEOUT) -> None:
        """Say that this instance ends; call it last in a graceful shutdown. Waits for at most ``timeout`` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)

    def _work(self) -> None:
        due = float("inf")
        while True:
            with self._changed:
                while not (self._closing or self._unsent or time.monotonic() >= due):
                    self._changed.wait(None if due == float("inf") else due - time.monotonic())
                if self._closing:
                    break
                report, self._unsent = {"flags": dict(self._flags), "defaults": dict(self._defaults)}, False
            arrived = self._send("PUT", report)
            due = time.monotonic() + (self._every if arrived else _AGAIN)
        self._send("DELETE", None)

    def _send(self, method: str, body: object) -> bool:
        """One request; a failure is kept, not raised: it is the agent's work that matters here."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            request = urllib.request.Request(self._url, data=data, headers=headers, method=method)  # noqa: S310
            with urllib.request.urlopen(request, timeout=_TIMEOUT):  # noqa: S310 - the owner's own address
                self.problem = ""
                return True
        except (OSError, ValueError) as error:
            self.problem = f"{type(error).__name__}: {error}"
            return False


def ask(client: Any, flag: str, context: Any, default: Any, reporter: FlagReporter) -> Any:
    """What ``client.variation(flag, context, default)`` gives, and a report of the version it was evaluated at.

    The version is read before the value, so that a change in between can only make the report too old, never too new.
    While the client has no data nothing is reported: the agent acts on its code's default, and holds no version.
    """
    version = version_served(client, flag, context)
    value = client.variation(flag, context, default)
    if version is not None:
        reporter.saw(flag, version, default=default)
    return value


def version_served(client: Any, flag: str, context: Any) -> int | None:
    """The version of a flag that a server SDK client would evaluate now, or None if it has none."""
    state = client.all_flags_state(context).to_json_dict()
    if not state.get("$valid"):
        return None
    version = state.get("$flagsState", {}).get(flag, {}).get("version")
    return version if isinstance(version, int) else None
