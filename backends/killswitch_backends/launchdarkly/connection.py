"""One connected LaunchDarkly server SDK client, wrapped so that the event loop never waits for its threads.

The SDK is the vendor's, unmodified: it streams what every agent's SDK is streamed, by another way than the REST API
that accepted a change. Imported in a thread, the first time that something is to be observed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from killswitch_backends.launchdarkly.settings import LaunchDarklySettings
from killswitch_backends.protocol import Json

if TYPE_CHECKING:
    from ldclient import LDClient
    from ldclient.feature_store import InMemoryFeatureStore

CONNECT_TIMEOUT = 3.0
"""Seconds for one connection attempt of the SDK, and for its thread to end once closed."""

_JOIN = 0.1
"""Seconds between two looks at whether the SDK's thread has ended."""

_CONTEXT_KEY = "killswitch-console-observer"


@dataclass(frozen=True, slots=True)
class Served:
    """What a connected SDK client is served for one flag."""

    on: bool
    version: int
    value: Json
    reason: str
    """The SDK's reason: ``OFF``, ``FALLTHROUGH``, ``PREREQUISITE_FAILED``, ..."""
    off_served: bool
    """The reason is OFF and the value is that of the flag's off variation."""
    off_variation: int | None
    variations: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """How a client stands with its stream."""

    valid: bool
    note: str = ""
    """Why it is not valid, in words."""
    since: datetime | None = None
    """When the data that is served was last received whole, if it was (UTC)."""


class Connection:
    """A client, the store it keeps flags in, and word from its threads to the loop that opened it."""

    def __init__(self, client: LDClient, store: InMemoryFeatureStore, streamer: Any, context: Any) -> None:
        self._client = client
        self._store = store
        self._streamer = streamer
        self._context = context

    def served(self, key: str) -> Served | None:
        """What the client is served; None for a flag it has not (deleted, archived, or not connected yet)."""
        from ldclient.versioned_data_kind import FEATURES

        flag = self._store.get(FEATURES, key, _as_is)
        if flag is None:
            return None
        detail = self._client.variation_detail(key, self._context, None)
        reason = str(detail.reason.get("kind", ""))
        off = reason == "OFF" and detail.variation_index is not None and detail.variation_index == flag.off_variation
        return Served(
            on=bool(flag.on),
            version=int(flag.version),
            value=detail.value,
            reason=reason,
            off_served=off,
            off_variation=flag.off_variation,
            variations=tuple(flag.variations),
        )

    def dependants(self) -> Mapping[str, list[str]]:
        """For each flag that others have as a prerequisite: their keys."""
        from ldclient.versioned_data_kind import FEATURES

        found: dict[str, list[str]] = {}
        for key, flag in self._store.all(FEATURES, _as_is).items():  # type: ignore[no-untyped-call]
            for need in flag.prerequisites:
                found.setdefault(need.key, []).append(key)
        return found

    def state(self) -> tuple[bool, str]:
        """Whether its stream is up, and if not, why in words."""
        status = self._client.data_source_status_provider.status
        if status.state.name == "VALID":
            return True, ""
        error = status.error
        if error is None:
            return False, "still connecting"
        if error.status_code:
            return False, f"the stream was refused ({error.status_code})"
        return False, f"the stream is interrupted ({error.kind.name.lower().replace('_', ' ')})"

    async def close(self) -> None:
        """Close the client and wait for its thread, outside the loop."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]
        deadline = time.monotonic() + CONNECT_TIMEOUT + 1
        self._streamer.join(_JOIN)
        while self._streamer.is_alive() and time.monotonic() < deadline:
            # The SDK forgets to stop a stream that was just being opened (streaming.py, stop): told again, it ends.
            self._streamer.stop()
            self._streamer.join(_JOIN)


async def connect(
    settings: LaunchDarklySettings,
    sdk_key: str,
    *,
    on_change: Callable[[str], None],
    on_status: Callable[[], None],
) -> Connection:
    """Start a client. Returns at once; ``on_status`` is called in this loop when it becomes valid or fails.

    ``on_change`` is called in this loop with the key of each flag that changes, dependants of a changed flag included.
    """
    loop = asyncio.get_running_loop()

    def post(callback: Callable[..., None], *arguments: str) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(callback, *arguments)

    start = asyncio.to_thread(_start, settings, sdk_key, lambda key: post(on_change, key), lambda: post(on_status))
    starting = asyncio.create_task(start, name="starting the flag observer's SDK client")
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:  # the thread cannot be stopped: what it made must not stay behind
        connection = await starting
        await connection.close()
        raise


def _start(
    settings: LaunchDarklySettings,
    sdk_key: str,
    changed: Callable[[str], None],
    status_changed: Callable[[], None],
) -> Connection:
    """Import the SDK and make a client; in a thread, as both take their time."""
    from ldclient import Config, Context, LDClient
    from ldclient.config import HTTPConfig
    from ldclient.feature_store import InMemoryFeatureStore
    from ldclient.impl.datasource.streaming import StreamingUpdateProcessor

    _quiet()
    store = InMemoryFeatureStore()  # type: ignore[no-untyped-call]
    streamers: list[Any] = []

    def streamer(config: Any, wrapped_store: Any, ready: Any) -> Any:
        """The SDK's own processor, kept so that its thread can be waited for."""
        streamers.append(StreamingUpdateProcessor(config, wrapped_store, ready, None))
        return streamers[0]

    config = Config(
        sdk_key,
        base_uri=settings.base_uri,
        stream_uri=settings.stream_uri,
        events_uri=settings.events_uri,
        send_events=False,
        diagnostic_opt_out=True,
        initial_reconnect_delay=0.5,
        feature_store=store,
        update_processor_class=streamer,
        http=HTTPConfig(connect_timeout=CONNECT_TIMEOUT, read_timeout=CONNECT_TIMEOUT),
    )
    client = LDClient(config, start_wait=0)
    client.flag_tracker.add_listener(lambda change: changed(change.key))
    client.data_source_status_provider.add_listener(lambda _: status_changed())
    status_changed()  # what happened before the listeners were there
    context = Context.builder(_CONTEXT_KEY).kind("killswitch-console").anonymous(True).build()
    return Connection(client, store, streamers[0], context)


def _quiet() -> None:
    """Keep the SDK's warnings off a terminal that nobody configured logging for; a screen may be drawn there."""
    logger = logging.getLogger("ldclient")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _as_is(item: Any) -> Any:
    return item
