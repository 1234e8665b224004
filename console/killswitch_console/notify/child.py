"""Sends one message to some apprise URLs, in a process of its own that can be killed.

Reads ``{"urls": [...], "title": ..., "body": ...}`` from stdin, writes a list of true and false, one per URL. Apart
because apprise blocks, logs addresses, and takes what time its services take; a URL holds its service's secret, so it
comes and goes by pipe only, and nothing that apprise prints gets out.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial


def main() -> int:
    """Send, and answer."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    with open(os.devnull, "w", encoding="ascii") as nowhere:  # noqa: PTH123  (a device)
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    logging.disable()
    order = json.load(sys.stdin)
    urls = [str(url) for url in order["urls"]]
    with ThreadPoolExecutor(max(1, len(urls))) as pool:
        done = list(pool.map(partial(_send, title=str(order["title"]), body=str(order["body"])), urls))
    with answers:
        json.dump(done, answers)
    return 0


def _send(url: str, *, title: str, body: str) -> bool:
    from apprise import Apprise, NotifyFormat

    service = Apprise()
    return bool(service.add(url)) and bool(service.notify(body=body, title=title, body_format=NotifyFormat.TEXT))


if __name__ == "__main__":
    sys.exit(main())
