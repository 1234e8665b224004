"""Serve a board by itself: ``python -m killswitch_backends.agent_reports --token-file FILE``."""

from __future__ import annotations

import argparse
from pathlib import Path

from aiohttp import web

from killswitch_backends.agent_reports.board import Board, application

PREFIX = "/agent-reports"


def main() -> None:
    """Serve until interrupted; TLS is for the proxy in front."""
    parser = argparse.ArgumentParser(prog="killswitch_backends.agent_reports", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8480)
    parser.add_argument("--token-file", type=Path, required=True, help="what agents and consoles send as bearer token")
    options = parser.parse_args()
    token = options.token_file.read_text(encoding="utf-8").strip()
    if not token:
        parser.error(f"{options.token_file} is empty")

    async def served() -> web.Application:
        app = web.Application()
        app.add_subapp(PREFIX, application(Board(), token))
        return app

    web.run_app(served(), host=options.host, port=options.port, access_log=None)


if __name__ == "__main__":
    main()
