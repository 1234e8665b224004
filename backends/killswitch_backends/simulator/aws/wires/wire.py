"""What a wire protocol does for the gateway."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from killswitch_backends.simulator.aws.calls import Answer, Members
from killswitch_backends.simulator.aws.errors import AwsError


class Wire(Protocol):
    """One protocol. ``AwsError`` codes are spelt as in the query protocol; other wires translate."""

    def decode(self, request: web.BaseRequest, body: bytes) -> tuple[str, Members]:
        """The operation's name and its input. Raises ``AwsError`` for a request that names none."""
        ...

    def encode(self, operation: str, answer: Answer, /, *, status: int, request_id: str) -> web.Response:
        """The answer of an operation."""
        ...

    def fail(self, error: AwsError, *, request_id: str) -> web.Response:
        """An error answer."""
        ...
