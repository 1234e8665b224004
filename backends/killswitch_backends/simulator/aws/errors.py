"""The error answer of every simulated AWS service, free of any wire protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """An error answer. ``code`` is the wire's error code; ``fields`` are further members of the error structure."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code, self.message, self.status = code, message, status
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})
