"""What stands in the ledger's rows: values as JSON, moments as RFC 3339, and both read back. Pure."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from killswitch_backends.outside import parsed_exactly
from killswitch_console.halting.cut_short import RestoreBegun

_T = TypeVar("_T")


def dump(adapter: TypeAdapter[_T], value: _T) -> str:
    """A value as JSON; text that is not Unicode (half a surrogate pair from a platform) is kept, as an escape."""
    try:
        return adapter.dump_json(value).decode()
    except PydanticSerializationError:
        return json.dumps(adapter.dump_python(value, mode="json"))


def storable(text: str | None) -> str | None:
    """A text as SQLite takes it: half a surrogate pair (a reason typed in a terminal of other bytes) is written out."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def load(adapter: TypeAdapter[_T], text: str) -> _T:
    """A value of its JSON. Raises ``ValueError``: this version cannot read it."""
    try:
        return adapter.validate_json(text)
    except ValidationError:
        return adapter.validate_python(parsed_exactly(text))


def restore_begun(at: object, by: object, reason: object) -> RestoreBegun:
    """A restore of its row."""
    return RestoreBegun(datetime.fromisoformat(str(at)), str(by), str(reason))


def moment(text: object) -> datetime | None:
    """A moment of its column."""
    return datetime.fromisoformat(str(text)) if text is not None else None
