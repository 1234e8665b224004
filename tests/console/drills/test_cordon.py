"""A drill's process reaches the simulator's port and nothing else: each way out is tried, each is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from killswitch_console.drills.cordon import drill_environment

SETUP = """
import json, socket, sys
from pathlib import Path
from killswitch_console.drills.cordon import Vetoed, raise_cordon

said = []
folder = Path(sys.argv[1])
cordon = raise_cordon(folder, sockets=[folder / "drill.socket"], told=said.append)
"""

CLOSING = """
print(json.dumps(said))
"""

SECRET = "AKIAREALREALREALREAL"  # what a person's files hold


def behind_the_cordon(tmp_path: Path, work: str, **variables: str) -> list[str]:
    """Run some code behind a cordon, as a drill's process is started; the attempts that were told."""
    folder = tmp_path / "drill"
    folder.mkdir(exist_ok=True)
    environment = drill_environment(folder, os.environ | variables)
    done = subprocess.run(
        [sys.executable, "-c", SETUP + work + CLOSING, str(folder), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    return list(json.loads(done.stdout.splitlines()[-1]))


REFUSED = """
def refused(work):
    try:
        work()
    except Vetoed:
        return
    raise AssertionError("it was let through")
"""

WAYS_OUT = {
    "another address": "refused(lambda: socket.create_connection(('127.0.0.2', 80), 1))",
    "another port": "refused(lambda: socket.create_connection(('127.0.0.1', 9), 1))",
    "the metadata service": "refused(lambda: socket.create_connection(('169.254.169.254', 80), 1))",
    "IPv6": "refused(lambda: socket.socket(socket.AF_INET6).connect(('::1', 80)))",
    "a datagram": "refused(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53)))",
    "a name": "refused(lambda: socket.getaddrinfo('sts.amazonaws.com', 443))",
    "the session bus": "refused(lambda: socket.socket(socket.AF_UNIX).connect('/run/user/0/bus'))",
    "an abstract socket": "refused(lambda: socket.socket(socket.AF_UNIX).connect(b'\\0bus'))",
    "a child process": "import subprocess; refused(lambda: subprocess.run(['true']))",
    "a shell": "import os; refused(lambda: os.system('true'))",
    "a fork": "import os; refused(os.fork)",
    "another program": "import os; refused(lambda: os.execv('/bin/true', ['true']))",
    "a library": "import ctypes; refused(lambda: ctypes.CDLL('libc.so.6'))",
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_no_way_out_but_the_simulators_port(tmp_path: Path, way: str) -> None:
    (told,) = behind_the_cordon(tmp_path, REFUSED + WAYS_OUT[way])
    assert told.startswith("vetoed: a drill may not")


def test_this_machines_log_is_refused_without_ado(tmp_path: Path) -> None:
    work = "refused(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect('/dev/log'))"
    assert behind_the_cordon(tmp_path, REFUSED + work) == []


def test_the_simulators_port_is_let_through_once_it_is_known(tmp_path: Path) -> None:
    work = """
server = socket.create_server(("127.0.0.1", 0))
port = server.getsockname()[1]
refused(lambda: socket.create_connection(("127.0.0.1", port), 1))
cordon.admit(port)
socket.create_connection(("127.0.0.1", port), 1).sendall(b"x")
"""
    assert len(behind_the_cordon(tmp_path, REFUSED + work)) == 1


def test_files_outside_the_drill_are_neither_read_nor_written(tmp_path: Path) -> None:
    (tmp_path / "vault.sealed").write_text(SECRET)
    work = """
outside = Path(sys.argv[2])
refused((outside / "vault.sealed").read_text)
refused(lambda: (outside / "new").write_text("x"))
refused(lambda: Path("/etc/killswitch-console/config.toml").read_text())
(folder / "link").symlink_to(outside / "vault.sealed")
refused((folder / "link").read_text)
(folder / "mine").write_text("x")
"""
    assert len(behind_the_cordon(tmp_path, REFUSED + work)) == 4


def home_of_a_person(tmp_path: Path) -> Path:
    home = tmp_path / "person"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws/credentials").write_text(f"[default]\naws_access_key_id={SECRET}\naws_secret_access_key=x\n")
    (home / ".kube").mkdir()
    (home / ".kube/config").write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
        "clusters: [{name: a, cluster: {server: 'https://10.0.0.1'}}]\n"
        f"users: [{{name: a, user: {{token: {SECRET}}}}}]\n"
    )
    return home


@pytest.mark.parametrize("explicit", [False, True], ids=["as found", "by its path"])
def test_aws_chain_finds_no_credentials(tmp_path: Path, explicit: bool) -> None:
    home = home_of_a_person(tmp_path)
    work = f"""
import os
if {explicit!r}:
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = {str(home / ".aws/credentials")!r}
from botocore.session import Session
assert Session().get_credentials() is None
"""
    variables = {"HOME": str(home), "AWS_ACCESS_KEY_ID": SECRET, "AWS_SECRET_ACCESS_KEY": "x", "AWS_PROFILE": "default"}
    told = behind_the_cordon(tmp_path, work, **variables)
    assert any(".aws/credentials" in what for what in told) == explicit


def test_aws_instance_role_is_out_of_reach(tmp_path: Path) -> None:
    work = """
import os
del os.environ["AWS_EC2_METADATA_DISABLED"]
from botocore.session import Session
assert Session().get_credentials() is None
"""
    told = behind_the_cordon(tmp_path, work)
    assert any("169.254.169.254" in what for what in told)


@pytest.mark.parametrize("explicit", [False, True], ids=["as found", "by its path"])
def test_kubeconfig_chain_finds_no_credentials(tmp_path: Path, explicit: bool) -> None:
    home = home_of_a_person(tmp_path)
    path = repr(str(home / ".kube/config")) if explicit else "None"
    work = f"""
from kubernetes.client import Configuration
from kubernetes.config import ConfigException, load_kube_config
try:
    load_kube_config(config_file={path})
except (ConfigException, Vetoed):
    pass
else:
    raise AssertionError("it was let through")
assert not Configuration.get_default_copy().api_key
"""
    variables = {"HOME": str(home), "KUBECONFIG": str(home / ".kube/config"), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    told = behind_the_cordon(tmp_path, work, **variables)
    assert bool(told) == explicit


def test_launchdarkly_and_vault_references_open_nothing(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(SECRET)
    work = """
import asyncio
from killswitch_backends.problems import Unauthenticated
from killswitch_console.vault.references import resolve_secret

async def tried(reference):
    try:
        await resolve_secret(reference)
    except (Unauthenticated, Vetoed, OSError):
        return
    raise AssertionError(reference)

for reference in ("env:LD_TOKEN", "keyring:launchdarkly", "file:" + sys.argv[2] + "/token"):
    asyncio.run(tried(reference))
"""
    told = behind_the_cordon(tmp_path, work, LD_TOKEN=SECRET)
    assert any("another process" in what for what in told), "the keyring's child"
    assert any("/token" in what for what in told)


def test_only_who_and_where_one_is_gets_into_the_environment(tmp_path: Path) -> None:
    person = {"PATH": "/bin", "TERM": "xterm", "AWS_SESSION_TOKEN": SECRET, "SSH_AUTH_SOCK": "/tmp/agent", "HOME": "/h"}
    environment = drill_environment(tmp_path, person)
    assert SECRET not in environment.values()
    assert "SSH_AUTH_SOCK" not in environment
    assert environment["HOME"] == str(tmp_path)
    assert environment["TERM"] == "xterm"
