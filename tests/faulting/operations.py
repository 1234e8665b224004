"""Which of a backend's six operations is under way, seen from outside: the class is left as it is but for a bell."""

from __future__ import annotations

import functools
import importlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    aclosing,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, Final, Protocol
from unittest import mock

from killswitch_backends.protocol import Backend

Opener = Callable[[], AbstractAsyncContextManager[Backend]]

_CLASSES: Final = {
    "killswitch_backends.kubernetes.backend": "KubernetesBackend",
    "killswitch_backends.aws_lambda.backend": "LambdaBackend",
    "killswitch_backends.aws_iam.backend": "IamBackend",
    "killswitch_backends.launchdarkly.backend": "LaunchDarklyBackend",
}
_STREAMS: Final = ("sight", "capture", "observe")
_CALLS: Final = ("preflight", "halt", "restore")


class During(Protocol):
    """Somebody who wants to know what is under way."""

    def during(self, operation: str) -> AbstractContextManager[None]: ...


_who: dict[int, Sequence[During]] = {}
"""Who wants to know of which open backend."""


def watched(opener: Opener, watchers: Sequence[During]) -> Opener:
    """An opener whose backend tells of its operations (while ``bells`` are hung)."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Backend]:
        async with opener() as backend:
            _who[id(backend)] = watchers
            try:
                yield backend
            finally:
                del _who[id(backend)]

    return opened


@contextmanager
def bells() -> Iterator[None]:
    """Have every backend's operations tell of themselves."""
    with ExitStack() as stack:
        for module, name in _CLASSES.items():
            kind = getattr(importlib.import_module(module), name)
            for operation in _STREAMS:
                stack.enter_context(mock.patch.object(kind, operation, _stream(getattr(kind, operation), operation)))
            for operation in _CALLS:
                stack.enter_context(mock.patch.object(kind, operation, _call(getattr(kind, operation), operation)))
        yield


def _stream(original: Any, operation: str) -> Any:
    @functools.wraps(original)
    async def stream(self: Any, *words: Any, **more: Any) -> AsyncIterator[Any]:
        with _told(self, operation):
            async with aclosing(original(self, *words, **more)) as items:
                async for item in items:
                    yield item

    return stream


def _call(original: Any, operation: str) -> Any:
    @functools.wraps(original)
    async def call(self: Any, *words: Any, **more: Any) -> Any:
        with _told(self, operation):
            return await original(self, *words, **more)

    return call


@contextmanager
def _told(backend: object, operation: str) -> Iterator[None]:
    with ExitStack() as stack:
        for watcher in _who.get(id(backend), ()):
            stack.enter_context(watcher.during(operation))
        yield
