"""Kubeconfigs: where they are looked for, every way to authenticate, and that no secret of theirs is ever repeated."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from killswitch_backends.kubernetes.credentials import Credentials
from killswitch_backends.kubernetes.official import Official, load
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.problems import Unauthenticated
from simulated import eventually

SECRET = "hunter2-very-secret"
VERSION = "client.authentication.k8s.io/v1"


@pytest.fixture(scope="module")
def official() -> Official:
    return load()


def _config(user: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443"}}],
        "users": [{"name": "me", "user": user}, {"name": "other", "user": {"token": "of-other"}}],
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "me"}},
            {"name": "two", "context": {"cluster": "c", "user": "other"}},
        ],
    } | changes


def _write(path: Path, config: object) -> Path:
    path.write_text(yaml.safe_dump(config))
    return path


def _credentials(official: Official, **table: Any) -> Credentials:
    return Credentials(official, KubernetesSettings.model_validate({"name": "prod"} | table), "kubernetes:prod")


async def test_a_token_becomes_the_authorization(official: Official, tmp_path: Path) -> None:
    path = _write(tmp_path / "config", _config({"token": SECRET}))
    credentials = _credentials(official, kubeconfig=str(path))
    await credentials.load()
    assert await credentials.authorization() == {"Authorization": f"Bearer {SECRET}"}
    assert (credentials.server, credentials.user) == ("https://127.0.0.1:6443", "me")


async def test_the_context_of_the_table_wins(official: Official, tmp_path: Path) -> None:
    path = _write(tmp_path / "config", _config({"token": SECRET}))
    credentials = _credentials(official, kubeconfig=str(path), context="two")
    await credentials.load()
    assert await credentials.authorization() == {"Authorization": "Bearer of-other"}
    assert credentials.user == "other"


async def test_the_usual_chain_is_home_then_the_variable(
    official: Official, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(Unauthenticated, match="no kubeconfig"):
        await _credentials(official).load()
    (tmp_path / ".kube").mkdir()
    _write(tmp_path / ".kube" / "config", _config({"token": "of-home"}))
    at_home = _credentials(official)
    await at_home.load()
    assert await at_home.authorization() == {"Authorization": "Bearer of-home"}
    merged = f"{tmp_path / 'absent'}:{_write(tmp_path / 'other', _config({'token': 'of-variable'}))}"
    monkeypatch.setenv("KUBECONFIG", merged)
    by_variable = _credentials(official)
    await by_variable.load()
    assert await by_variable.authorization() == {"Authorization": "Bearer of-variable"}


async def test_a_path_may_begin_with_the_home_directory(
    official: Official, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    _write(tmp_path / "config", _config({"token": SECRET}))
    credentials = _credentials(official, kubeconfig="~/config")
    await credentials.load()
    assert await credentials.authorization() == {"Authorization": f"Bearer {SECRET}"}


@pytest.mark.parametrize(
    "config",
    [
        _config({"token": SECRET}, **{"current-context": "absent"}),
        _config({"token": SECRET}, clusters=[]),
        _config({"token": SECRET}, contexts=[{"name": "one", "context": {"cluster": "c"}}]),
        _config({"token": SECRET}, clusters=[{"name": "c"}]),
        _config({"token": SECRET}, contexts=None),
        _config({"token": SECRET}, contexts=[{"cluster": "c"}]),
        {"users": [{"name": "me", "user": {"token": SECRET}}]},
        [SECRET],
        SECRET,
        None,
        _config({"client-certificate-data": SECRET, "client-key-data": "A"}),
        _config({"client-certificate": f"/absent/{'x'}", "token": SECRET}),
    ],
)
async def test_a_broken_kubeconfig_is_one_problem_without_its_content(
    official: Official, tmp_path: Path, config: object
) -> None:
    path = _write(tmp_path / "config", config)
    with pytest.raises(Unauthenticated) as raised:
        await _credentials(official, kubeconfig=str(path)).load()
    assert str(path) in str(raised.value)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None


async def test_a_file_that_is_no_yaml_is_told_with_its_line_only(official: Official, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(f"users:\n- token: {SECRET}\n  : [{SECRET}\n")
    with pytest.raises(Unauthenticated, match=r"not valid YAML \(line \d+\)") as raised:
        await _credentials(official, kubeconfig=str(path)).load()
    assert SECRET not in str(raised.value)


def _plugin(tmp_path: Path, body: str) -> dict[str, Any]:
    """An exec plugin: counts its runs in a file, then does what ``body`` says."""
    script = tmp_path / "plugin"
    count = f"import json, pathlib, sys\nruns = pathlib.Path({str(tmp_path / 'runs')!r})\n"
    count += "runs.write_text(str(int(runs.read_text() or 0) + 1) if runs.exists() else '1')\n"
    script.write_text(f"#!{sys.executable}\n{count}{body}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": VERSION, "command": str(script), "interactiveMode": "Never"}}


def _gives(status: dict[str, Any]) -> str:
    answer = {"apiVersion": VERSION, "kind": "ExecCredential", "status": status}
    lines = (
        f"answer = json.loads({json.dumps(answer)!r})",
        "answer['status']['token'] += runs.read_text()",
        "print(json.dumps(answer))",
    )
    return "\n".join(lines)


def _runs(tmp_path: Path) -> int:
    return int((tmp_path / "runs").read_text())


async def test_an_exec_plugin_is_run_once_and_again_when_refused(official: Official, tmp_path: Path) -> None:
    path = _write(tmp_path / "config", _config(_plugin(tmp_path, _gives({"token": "run-"}))))
    credentials = _credentials(official, kubeconfig=str(path))
    await credentials.load()
    for _ in range(3):
        assert await credentials.authorization() == {"Authorization": "Bearer run-1"}
    refused = credentials.material
    assert await credentials.renew(refused)
    assert await credentials.authorization() == {"Authorization": "Bearer run-2"}
    assert await credentials.renew(refused), "another request that was refused meanwhile has new ones to try"
    assert not await credentials.renew(credentials.material), "many refused requests at once cause one renewal"
    assert _runs(tmp_path) == 2


async def test_a_plugins_expiry_renews_before_it(
    official: Official, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("killswitch_backends.kubernetes.credentials._RENEWAL_SECONDS", -1.0)
    status = {"token": "run-", "expirationTimestamp": "2020-01-01T00:00:00Z"}
    path = _write(tmp_path / "config", _config(_plugin(tmp_path, _gives(status))))
    credentials = _credentials(official, kubeconfig=str(path))
    await credentials.load()
    assert await credentials.authorization() == {"Authorization": "Bearer run-1"}, "a request waited for a plugin"
    await eventually(lambda: _runs(tmp_path) >= 2)

    async def renewed() -> bool:
        return await credentials.authorization() != {"Authorization": "Bearer run-1"}

    await eventually(renewed)
    await credentials.close()


async def test_a_plugin_that_fails_is_told_in_its_words(
    official: Official, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    body = f"sys.exit('the SSO session expired; Bearer {SECRET}')"
    path = _write(tmp_path / "config", _config(_plugin(tmp_path, body)))
    with pytest.raises(Unauthenticated, match="SSO session expired") as raised:
        await _credentials(official, kubeconfig=str(path)).load()
    assert SECRET not in str(raised.value)
    assert capfd.readouterr().err == ""


async def test_a_plugin_that_hangs_ends(official: Official, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("killswitch_backends.kubernetes.plugin.PLUGIN_SECONDS", 0.3)
    path = _write(tmp_path / "config", _config(_plugin(tmp_path, "import time; time.sleep(60)")))
    with pytest.raises(Unauthenticated, match="took over"):
        await _credentials(official, kubeconfig=str(path)).load()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("print('hello')", "not JSON"),
        ("print('{}')", "another version"),
        (f"print(json.dumps({{'apiVersion': {VERSION!r}, 'status': {{}}}}))", "without a token"),
        ("sys.exit(3)", "exit code 3"),
        ("assert sys.stdin.read() == ''; sys.exit('saw no terminal')", "saw no terminal"),
    ],
)
async def test_a_plugin_without_an_answer_is_told(official: Official, tmp_path: Path, body: str, words: str) -> None:
    path = _write(tmp_path / "config", _config(_plugin(tmp_path, body)))
    with pytest.raises(Unauthenticated, match=words):
        await _credentials(official, kubeconfig=str(path)).load()


@pytest.mark.parametrize("change", [{"command": "/absent/plugin"}, {"interactiveMode": "Always"}])
async def test_a_plugin_that_cannot_be_run_is_told(official: Official, tmp_path: Path, change: dict[str, Any]) -> None:
    user = _plugin(tmp_path, "")
    path = _write(tmp_path / "config", _config({"exec": user["exec"] | change}))
    with pytest.raises(Unauthenticated, match=r"cannot be run|wants a terminal"):
        await _credentials(official, kubeconfig=str(path)).load()


async def test_a_plugin_may_give_a_client_certificate(official: Official, tmp_path: Path) -> None:
    status = {"token": "run-", "clientCertificateData": "CERTIFICATE", "clientKeyData": "KEY"}
    path = _write(tmp_path / "config", _config(_plugin(tmp_path, _gives(status))))
    credentials = _credentials(official, kubeconfig=str(path))
    await credentials.load()
    files = [Path(file or "") for file in credentials.certificate]
    assert [file.read_text() for file in files] == ["CERTIFICATE", "KEY"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]


async def test_a_pods_own_account_serves_where_there_is_no_kubeconfig(
    official: Official, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, authority = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("of-the-pod")
    authority.write_text("certificate")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(official.incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(official.incluster_config, "SERVICE_CERT_FILENAME", str(authority))
    credentials = _credentials(official)
    await credentials.load()
    assert (await credentials.authorization())["Authorization"].endswith("of-the-pod")
    assert credentials.server == "https://10.0.0.1:443"
