"""Nothing of the wall display is seen without the token, under another name, or from another site's page."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from killswitch_console.serving.display import Display, WallServer, listen
from killswitch_console.serving.gate import Gate, TokenError, new_token, read_token

ROUTES = ("/", "/ws", "/static/js/textual.js", "/static/", "/wall.js", "/wall.css", "/download/x", "/not-there")
ECHO = "import sys; sys.stdout.buffer.write(b'__GANGLION__\\n' + b'D' + (5).to_bytes(4, 'big') + b'shown'); "


class Wall:
    """A wall display that is being served."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.url = f"http://127.0.0.1:{gate.port}"

    async def ask(self, path: str, **headers: str) -> tuple[int, str, aiohttp.typedefs.LooseHeaders]:
        """Status, text and headers of an answer to a request with exactly these headers."""
        asked = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.url + path, headers=asked, allow_redirects=False) as answer,
        ):
            return answer.status, await answer.text(errors="replace"), answer.headers

    @property
    def cookie(self) -> str:
        return f"{self.gate.cookie}={self.gate.pass_}"


@asynccontextmanager
async def serving(
    *, public: str = "", viewers: int = 8, script: str = "sys.stdin.buffer.read(1)"
) -> AsyncIterator[Wall]:
    listening = listen("127.0.0.1", 0)
    gate = Gate(new_token(), listening.getsockname()[1], public)
    display = Display(
        command=[sys.executable, "-c", ECHO + f"sys.stdout.flush(); {script}"],
        environment="<b>prod",
        gate=gate,
        viewers=viewers,
    )
    runner = web.AppRunner(await WallServer(display).application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    try:
        yield Wall(gate)
    finally:
        await runner.cleanup()


async def test_without_the_token_there_is_no_page_no_socket_and_no_file() -> None:
    async with serving() as wall:
        own = {"Origin": wall.url}
        for path in ROUTES:
            for headers in ({}, {"Cookie": f"{wall.gate.cookie}={wall.gate.token}"}, {"Authorization": "Bearer no"}):
                status, text, _ = await wall.ask(path, **headers, **own)
                assert status == 401, path
                assert "killswitch-console serve" in text
                assert wall.gate.token not in text
            assert (await wall.ask(f"{path}?token=wrong", **own))[0] == 401
        assert (await wall.ask(f"/static/js/textual.js?token={wall.gate.token}"))[0] == 401


async def test_the_token_is_taken_once_and_never_again_in_an_address() -> None:
    async with serving() as wall:
        status, text, headers = await wall.ask(f"/?token={wall.gate.token}")
        assert status == 200
        assert 'url=/"' in text
        (cookie,) = headers.getall("Set-Cookie")  # type: ignore[union-attr]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert wall.gate.token not in cookie + text
        status, page, headers = await wall.ask("/", Cookie=wall.cookie)
        assert status == 200
        assert "&lt;b&gt;prod" in page, "the environment's name is text, whatever it is"
        assert "<b>" not in page
        assert headers["Cache-Control"] == "no-store"  # type: ignore[index,call-overload]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]  # type: ignore[index,call-overload]
        for path in ("/static/js/textual.js", "/wall.js", "/wall.css"):
            assert (await wall.ask(path, Cookie=wall.cookie))[0] == 200
        assert (await wall.ask("/wall.css", Authorization=f"Bearer {wall.gate.token}"))[0] == 200
        assert (await wall.ask("/not-there", Cookie=wall.cookie))[0] == 404
        assert "https://" not in page, "nothing is loaded from elsewhere"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "localhost.evil.example:{port}"])
async def test_a_name_that_is_not_its_own_is_refused_even_with_the_token(host: str) -> None:
    async with serving() as wall:
        named = host.format(port=wall.gate.port)
        for path in (*ROUTES, f"/?token={wall.gate.token}"):
            assert (await wall.ask(path, Host=named, Cookie=wall.cookie))[0] == 421, path
        assert (await wall.ask("/", Host=f"LOCALHOST:{wall.gate.port}", Cookie=wall.cookie))[0] == 200


async def test_two_host_headers_are_refused() -> None:
    async with serving() as wall:
        reader, writer = await asyncio.open_connection("127.0.0.1", wall.gate.port)
        own = f"Host: 127.0.0.1:{wall.gate.port}\r\n"
        writer.write(f"GET / HTTP/1.1\r\n{own}Host: evil.example\r\nCookie: {wall.cookie}\r\n\r\n".encode())
        assert (await reader.readline()).split()[1] in (b"400", b"421")
        writer.close()
        await writer.wait_closed()


async def test_a_page_of_another_site_gets_nothing_although_the_browser_has_the_cookie() -> None:
    async with serving() as wall:
        for origin in ("http://evil.example", "null", f"http://127.0.0.1:{wall.gate.port + 1}", "https://localhost"):
            assert (await wall.ask("/ws", Origin=origin, Cookie=wall.cookie))[0] == 403
            assert (await wall.ask("/wall.js", Origin=origin, Cookie=wall.cookie))[0] == 403
        assert (await wall.ask("/ws", Cookie=wall.cookie))[0] == 403, "a browser says where a socket comes from"
        assert (await wall.ask("/wall.js", Cookie=wall.cookie, Sec_Fetch_Site="cross-site"))[0] == 403
        status, _, _ = await wall.ask(f"/?token={wall.gate.token}", Sec_Fetch_Site="cross-site")
        assert status == 200, "a link in a chat may lead here"


async def test_behind_a_proxy_it_goes_by_its_public_name_and_the_cookie_needs_tls() -> None:
    async with serving(public="https://wall.example.com") as wall:
        status, _, headers = await wall.ask(f"/?token={wall.gate.token}", Host="wall.example.com")
        assert status == 200
        assert "Secure" in headers["Set-Cookie"]  # type: ignore[index,call-overload]
        _, page, _ = await wall.ask("/", Host="wall.example.com", Cookie=wall.cookie)
        assert "wss://wall.example.com/ws" in page
        assert (await wall.ask("/", Host="other.example.com", Cookie=wall.cookie))[0] == 421


async def test_a_socket_shows_the_console_and_only_so_many_are_served() -> None:
    async with serving(viewers=1) as wall, aiohttp.ClientSession() as session:
        headers = {"Origin": wall.url, "Cookie": wall.cookie}
        async with session.ws_connect(f"{wall.url}/ws?width=9e9&height=x", headers=headers) as socket:
            assert (await asyncio.wait_for(socket.receive(), 20)).data == b"shown"
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await session.ws_connect(f"{wall.url}/ws", headers=headers)
        for _ in range(200):
            with_room = await wall.ask("/ws", Origin=wall.url, Cookie=wall.cookie)
            if with_room[0] != 503:
                return
            await asyncio.sleep(0.05)
        pytest.fail("the place of a browser that left is never free again")


@pytest.mark.parametrize("sent", ["no JSON", "{}", '["resize", {}]', "[]", '["stdin", 7]', '["stdin"]'])
async def test_what_the_page_would_never_send_closes_the_socket(sent: str) -> None:
    async with serving() as wall, aiohttp.ClientSession() as session:
        headers = {"Origin": wall.url, "Cookie": wall.cookie}
        async with session.ws_connect(f"{wall.url}/ws", headers=headers) as socket:
            assert (await asyncio.wait_for(socket.receive(), 20)).data == b"shown"
            await socket.send_str(sent)
            assert (await asyncio.wait_for(socket.receive(), 20)).type is aiohttp.WSMsgType.CLOSE


def test_a_token_file_must_be_private_and_long(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a" * 40 + "\nsecond line\n")
    file.chmod(0o644)
    with pytest.raises(TokenError, match="chmod 600"):
        read_token(file)
    file.chmod(0o600)
    assert read_token(file) == "a" * 40
    file.write_text("short\n")
    with pytest.raises(TokenError, match="openssl rand"):
        read_token(file)
    with pytest.raises(TokenError, match="cannot be read"):
        read_token(tmp_path / "absent")


def test_the_token_is_in_no_repr() -> None:
    gate = Gate("secret-of-the-wall-1234", 1)
    display = Display(command=(), environment="x", gate=gate)
    assert "secret" not in repr(gate) + repr(display)
