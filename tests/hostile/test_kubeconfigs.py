"""Kubeconfigs and exec plugins of somebody hostile: a problem on one line within seconds, and no secret in it."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from hostile.cluster import opened
from hostile.liar import Liar, Reply
from hostile.strategies import JUNK, TEETH, anything, examples, spoilt, text
from killswitch_backends.kubernetes import kubeconfig, plugin
from killswitch_backends.problems import Problem, Unauthenticated

SECRET = "s3cr3t-of-the-kubeconfig"


def content(server: str, **user: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, "tls-server-name": "x", "proxy-url": server}}],
        "users": [{"name": "u", "user": {"token": SECRET, "username": "u", "password": SECRET, **user}}],
    }


async def asked(path: Path) -> str:
    """What comes of a first request: the problem, or nothing."""
    async with opened(path) as backend:
        try:
            await backend._api.get("/version")  # type: ignore[attr-defined]
        except Problem as problem:
            return str(problem)
        return ""


def is_one_safe_line(said: str) -> bool:
    return len(said) < 1_500 and "\n" not in said and SECRET not in said


CERTIFICATES = {"client-certificate-data": "AAAA", "client-key-data": "%%%", "certificate-authority-data": "AAAA"}
EXEC = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/false", "args": ["x"], "env": []}}
OIDC = {"auth-provider": {"name": "oidc", "config": {"id-token": "a.e30.b", "idp-issuer-url": "http://127.0.0.1:1"}}}


@pytest.fixture
def config(tmp_path: Path, liar: Liar) -> Path:
    liar.answer = lambda _request, _body: Reply(b"{}")
    return tmp_path / "config"


@examples(25)
@given(st.one_of(*(spoilt(content("ADDRESS", **user)) for user in ({}, CERTIFICATES, EXEC, OIDC))))
@example(((), content("http://[::1")))
@example(((), content("file:///etc/passwd")))
@example(((), content("ADDRESS", token="a\r\nX-Other: b")))
@example(((), content("ADDRESS", token="\u00e9\x00")))
@example(((), content("ADDRESS", **EXEC)))
@example(((), content("ADDRESS", exec=EXEC["exec"] | {"command": "x" * 3_000})))
@example(((), content("ADDRESS", exec=EXEC["exec"] | {"command": "no\r\nsuch\x0bplugin"})))
@example(((), content("ADDRESS", exec=EXEC["exec"] | {"command": "/bin/echo", "args": ["{}"], "apiVersion": "v\n1"})))
@example(((), content("https://127.0.0.1:1", **CERTIFICATES)))
@example(((), content("ADDRESS", tokenFile="/dev/full")))
@example((("users",), content("ADDRESS") | {"users": {"name": "u"}}))
def test_any_kubeconfig_is_used_or_refused_in_a_line(
    runner: asyncio.Runner, config: Path, liar: Liar, lie: tuple[Any, Any]
) -> None:
    written = json.dumps(lie[1]).replace("ADDRESS", liar.address)  # JSON is YAML, and writes what YAML would not
    config.write_text(written)
    assert is_one_safe_line(runner.run(asked(config)))


def bomb(levels: int = 30) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join([*lines, f"users: *a{levels - 1}", "clusters: []", "contexts: []", "current-context: c"])


@pytest.mark.parametrize(
    "written",
    [
        bomb(),
        "a: &a [*a]\nusers: *a",
        "[" * 20_000,
        "{a: " * 20_000,
        "users: &a\n- name: u\n  user: *a\n",
        "!!python/object/apply:os.system ['true']",
        "x" * (kubeconfig.MOST_BYTES + 1),
        "\x00",
        "a: b: c",
        "- 5",
        "5",
        "",
        "current-context: 2026-02-30",
        *(f"current-context: {json.dumps(teeth)}" for teeth in TEETH),
    ],
    ids=lambda written: written[:12].encode("ascii", "backslashreplace").decode(),
)
def test_any_yaml_is_refused_in_a_line(runner: asyncio.Runner, config: Path, written: str) -> None:
    config.write_bytes(written.encode("utf-8", "surrogatepass"))
    said = runner.run(asked(config))
    assert said
    assert is_one_safe_line(said)


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_is_refused_in_a_line(runner: asyncio.Runner, config: Path, junk: bytes) -> None:
    config.write_bytes(junk)
    said = runner.run(asked(config))
    assert said
    assert is_one_safe_line(said)


def test_ordinary_aliases_are_read(runner: asyncio.Runner, config: Path, liar: Liar) -> None:
    written = yaml.safe_dump(content(liar.address)).replace("  name: c\n", "  name: &c c\n", 1)
    written = written.replace("    cluster: c\n", "    cluster: *c\n")
    assert "*c" in written
    config.write_text(written)
    assert runner.run(asked(config)) == ""


def script(folder: Path, body: str) -> Path:
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


async def answered(folder: Path, body: str) -> str:
    """What a plugin's answer comes to."""
    config = {"apiVersion": "v1", "command": str(script(folder, body))}
    try:
        await plugin.run(config, directory=folder)
    except plugin.PluginFailed as failure:
        return str(failure)
    return ""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("head -c 3000000 /dev/zero", "answered with more than 1024 KiB"),
        ("head -c 3000000 /dev/zero >&2; exit 3", "failed"),
        ("exit 3", "exit code 3"),
        ("kill -9 $$", "exit code -9"),
        ("echo '{}'", "another version"),
        ("echo '[[['", "not JSON"),
        ("head -c 100000 /dev/zero | tr '\\0' '['", "not JSON"),
        ("printf '\\033[2J\\n\\n' >&2; exit 1", "failed"),
        ("read x </dev/tty && echo $x; exit 4", "failed"),
    ],
)
async def test_a_plugin_that_misbehaves_is_told_in_a_line(tmp_path: Path, body: str, told: str) -> None:
    said = await answered(tmp_path, body)
    assert told in said
    assert "\n" not in said
    assert len(said) < 1_000


def await_end(pid: int) -> None:
    """Wait until a process is gone, or nobody's."""
    deadline = time.monotonic() + 60
    path = Path(f"/proc/{pid}/stat")
    while path.exists() and path.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "a plugin's child lives on"
        time.sleep(0.01)


async def test_a_plugin_that_stays_is_killed_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its child has the pipe open, so that whoever waited for the pipe's end would wait for the child."""
    monkeypatch.setattr(plugin, "PLUGIN_SECONDS", 1.5)
    said = await answered(tmp_path, f"sleep 600 & echo $! > {tmp_path}/child; wait")
    assert "took over 1.5 s" in said
    await asyncio.to_thread(await_end, int((tmp_path / "child").read_text()))


STATUS = {
    "apiVersion": "v1",
    "kind": "ExecCredential",
    "status": {
        "token": "t",
        "expirationTimestamp": "2030-01-01T00:00:00Z",
        "clientCertificateData": "x",
        "clientKeyData": "y",
    },
}


@examples(15)
@given(st.one_of(spoilt(STATUS).map(lambda drawn: drawn[1]), anything, text))
@example(STATUS | {"status": {"token": "t", "expirationTimestamp": "0001-01-01T00:00:00Z"}})
@example(STATUS | {"status": {"token": "t", "expirationTimestamp": "soon"}})
@example(STATUS | {"status": {"token": "a\r\nb"}})
@example(STATUS | {"status": {"clientCertificateData": "x", "clientKeyData": "y"}})
def test_any_answer_of_a_plugin_is_used_or_refused_in_a_line(
    runner: asyncio.Runner, config: Path, liar: Liar, answer: Any
) -> None:
    (config.parent / "answer").write_text(json.dumps(answer))
    user = {"exec": {"apiVersion": "v1", "command": "cat", "args": [str(config.parent / "answer")]}}
    config.write_text(json.dumps(content(liar.address, token=None, username=None, password=None, **user)))
    for _ in range(2):
        assert is_one_safe_line(runner.run(asked(config)))


def test_a_fifo_in_the_place_of_a_kubeconfig_is_not_waited_for(runner: asyncio.Runner, config: Path) -> None:
    import os

    os.mkfifo(config)
    assert "no kubeconfig" in runner.run(asked(config))


async def test_credentials_that_ended_long_ago_are_renewed_not_overflowed(tmp_path: Path) -> None:
    """The earliest time there is, less five minutes."""
    from killswitch_backends.kubernetes import official
    from killswitch_backends.kubernetes.credentials import Credentials
    from killswitch_backends.kubernetes.settings import KubernetesSettings

    answer = STATUS | {"status": {"token": "t", "expirationTimestamp": "0001-01-01T00:00:00Z"}}
    (tmp_path / "answer").write_text(json.dumps(answer))
    user = {"exec": {"apiVersion": "v1", "command": "cat", "args": [str(tmp_path / "answer")]}}
    (tmp_path / "config").write_text(json.dumps(content("http://127.0.0.1:1", token=None, **user)))
    settings = KubernetesSettings(name="x", kubeconfig=str(tmp_path / "config"))
    credentials = Credentials(official.load(), settings, "kubernetes:x")
    await credentials.load()
    with pytest.raises(Unauthenticated):
        await credentials.load()
