"""Where people are told: apprise URLs, or references to them. A URL mostly holds its service's secret."""

from __future__ import annotations

from urllib.parse import urlsplit

_PLAIN = frozenset({"json", "jsons", "xml", "xmls", "form", "forms", "syslog", "mailto", "mailtos"})
"""Schemes whose URL holds no secret as long as it has no password and no query."""

_REFERENCES = ("keyring", "env", "file")


class NoticeUrlError(ValueError):
    """An entry of ``[notify] urls`` that cannot be used; never repeats it, for it may hold a secret."""


def is_reference(entry: str) -> bool:
    """Whether an entry names a secret instead of being one."""
    return entry.partition(":")[0] in _REFERENCES and "://" not in entry


def check_entry(entry: str) -> str:
    """Accept a reference, or a URL that holds no secret.

    Raises:
        NoticeUrlError: for anything else.
    """
    if is_reference(entry) and entry.partition(":")[2]:
        return entry
    parts = urlsplit(entry)
    if parts.scheme in _PLAIN and parts.hostname and parts.password is None and not parts.query:
        return entry
    raise NoticeUrlError(
        "expected keyring:NAME, env:NAME or file:PATH that holds an apprise URL "
        f"(only {', '.join(sorted(_PLAIN))} without a password or a query may stand in the file itself)"
    )


def shown(entry: str) -> str:
    """An entry as it may be shown and recorded: a reference, or scheme and host."""
    if is_reference(entry):
        return entry
    parts = urlsplit(entry)
    return f"{parts.scheme}://{parts.hostname}"
