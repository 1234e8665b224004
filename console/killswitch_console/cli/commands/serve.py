"""``serve``: the read-only console in a browser, for a wall."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from killswitch_console.serving.gate import Gate

SUMMARY = "show the read-only console in a browser, for a wall display; loopback and a token by default"

PORT = 8023


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config, add_theme

    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"default {PORT}; 0 takes a free one")
    parser.add_argument(
        "--token-file", metavar="FILE", help="the token is this file's first line (default: a new one, printed once)"
    )
    parser.add_argument(
        "--public-url", metavar="URL", help="what browsers call it, where a proxy with TLS stands before it"
    )
    parser.add_argument("--viewers", type=int, default=8, metavar="N", help="browsers at a time (default 8)")
    add_theme(parser)
    add_config(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted; exit 0."""
    import asyncio

    from killswitch_console.cli.failures import UsageError
    from killswitch_console.cli.main import DONE
    from killswitch_console.config import find_configuration, load_configuration

    try:
        from killswitch_console.serving.display import Display, console_command, listen, serve
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the wall display is not installed ({error.name} is missing): pip install --require-hashes "
            "-r requirements/wall-display.txt, or 'killswitch-console[serve]'"
        ) from error

    configuration = load_configuration(find_configuration(options.config))
    public = _public(options)
    try:
        listening = listen(options.host, options.port)
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen on {options.host} port {options.port}: {error}; try --port 0") from error
    gate = _gate(options, int(listening.getsockname()[1]), public)
    command = console_command(str(configuration.path), options.theme)
    display = Display(
        command=command, environment=configuration.document.environment, gate=gate, viewers=options.viewers
    )
    asyncio.run(serve(display, listening))
    return DONE


def _public(options: argparse.Namespace) -> str:
    """The origin of ``--public-url``; other addresses than loopback need one."""
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    from killswitch_console.cli.failures import UsageError

    try:
        loopback = options.host == "localhost" or ip_address(options.host).is_loopback
    except ValueError:
        raise UsageError(f"--host {options.host}: expected an IP address, such as 127.0.0.1 or ::1") from None
    if not options.public_url:
        if not loopback:
            raise UsageError(
                f"--host {options.host} is reached from other machines: say with --public-url https://NAME what "
                "browsers call it (a proxy with TLS belongs before it), or tunnel: ssh -L 8023:127.0.0.1:8023"
            )
        return ""
    parts = urlsplit(options.public_url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or "@" in parts.netloc:
        raise UsageError(f"--public-url {options.public_url}: expected https://NAME or https://NAME:PORT")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _gate(options: argparse.Namespace, port: int, public: str) -> Gate:
    """The gate; says where to look."""
    from pathlib import Path

    from killswitch_console.cli.failures import UsageError
    from killswitch_console.cli.session import warn
    from killswitch_console.serving.gate import Gate, TokenError, new_token, read_token

    try:
        token = read_token(Path(options.token_file)) if options.token_file else new_token()
    except TokenError as error:
        raise UsageError(str(error)) from error
    if public.startswith("http:"):
        warn("without TLS anybody between the browser and this machine reads the token and the display")
    base = public or f"http://{f'[{options.host}]' if ':' in options.host else options.host}:{port}"
    shown = "TOKEN" if options.token_file else token
    kept = f" (the token is in {options.token_file})" if options.token_file else "; keep it to yourself"
    print(f"wall display, read-only: {base}/?token={shown}{kept}", flush=True)
    return Gate(token, port, public)
