"""The third rung of the ladder: the machine's own log, through the socket that every syslog and journald listens on."""

from __future__ import annotations

import socket
from typing import Final

from killswitch_console.audit.canonical import canonical
from killswitch_console.audit.events import Draft

DEFAULT_SOCKET: Final = "/dev/log"
_AUTHPRIV_ALERT: Final = 10 * 8 + 1


def send_to_journal(draft: Draft, path: str = DEFAULT_SOCKET) -> None:
    """Hand one event to the machine's log; never blocks.

    Raises:
        OSError: nobody listens, or the log cannot take it now.
    """
    text = b"<%d>killswitch-console: audit %s" % (_AUTHPRIV_ALERT, canonical(draft.fields()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.setblocking(False)
        log.connect(path)
        log.send(text)
