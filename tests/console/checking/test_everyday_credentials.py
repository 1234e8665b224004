"""How old everyday credentials are: what is read of each platform, and what ``check`` makes of it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aws_asking import opened
from aws_servers import Names, Server, moto_server
from console_command import answer
from killswitch_backends.ages import Age, TellsAges
from killswitch_backends.aws_iam import KIND as IAM
from killswitch_backends.checking import Standing
from killswitch_backends.kubernetes.ages import ages as kubernetes_ages
from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_console.checking.concerns.everyday import finding
from killswitch_inventory.targets import BackendRef
from simulated import running
from worldview import aws_client

NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
REF = BackendRef("iam", "prod")


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.mark.parametrize(
    ("age", "standing", "what"),
    [
        (Age(what="key", made_at=ago(3)), Standing.OK, "key is 3 days old"),
        (Age(what="key", made_at=ago(79.9)), Standing.OK, "key is 79 days old"),
        (Age(what="key", made_at=ago(80)), Standing.WARNING, "its rotation is due within 10 days"),
        (Age(what="key", made_at=ago(400)), Standing.WARNING, "key is 400 days old, over 90"),
        (Age(what="key", made_at=ago(-1)), Standing.OK, "key is 0 days old"),
        (Age(what="cert", made_at=ago(300), expires_at=ago(-20)), Standing.OK, "expires on 2027-02-04, in 20 days"),
        (Age(what="cert", made_at=ago(300), expires_at=ago(-9)), Standing.WARNING, "in 9 days"),
        (Age(what="cert", made_at=ago(300), expires_at=ago(1)), Standing.PROBLEM, "cert expired on 2027-01-14"),
        (Age(what="token", made_at=ago(0.01), expires_at=ago(-0.03)), Standing.OK, "token is short-lived"),
        (Age(what="token", expires_at=ago(-0.03)), Standing.WARNING, "in 0 days"),
        (Age(what="token"), Standing.UNKNOWN, "cannot be told"),
        (Age(what="key", unknown="AccessDenied"), Standing.UNKNOWN, "cannot be read: AccessDenied"),
        (Age(what="they", renewed_by="an exec plugin"), Standing.OK, "renewed by an exec plugin"),
    ],
)
def test_what_is_made_of_an_age(age: Age, standing: Standing, what: str) -> None:
    found = finding(REF, age, NOW)
    assert (found.subject, found.standing) == ("iam:prod", standing)
    assert what in found.what


def certificate(path: Path, end: datetime) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "oncall")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(end - timedelta(days=90))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(made.public_bytes(encoding) + private)
    return path


def web_token(**claims: object) -> str:
    return f"Bearer e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


async def test_a_client_certificate_and_a_token_tell_their_own_end(tmp_path: Path) -> None:
    end = datetime(2027, 3, 1, tzinfo=UTC)
    made = end - timedelta(hours=1)
    (by_certificate,) = await kubernetes_ages(str(certificate(tmp_path / "c.pem", end)), None, renewed_by="")
    assert (by_certificate.expires_at, by_certificate.unknown) == (end, "")
    token = web_token(iat=made.timestamp(), exp=end.timestamp())
    (by_token,) = await kubernetes_ages(None, token, renewed_by="")
    assert (by_token.made_at, by_token.expires_at) == (made, end)


async def used(tmp_path: Path, user: dict[str, Any]) -> tuple[Age, ...]:
    """What a kubeconfig's user is told to be, without asking its cluster."""
    document = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "oncall", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "oncall"}}],
        "current-context": "c",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    api = Api(KubernetesSettings(name="c", kubeconfig=str(path)), "kubernetes:c")
    try:
        found = await api.credentials()
        return tuple(await kubernetes_ages(found.certificate[0], found.token, renewed_by=found.renewed_by))
    finally:
        await api.close()


async def test_a_kubeconfig_says_what_is_used(tmp_path: Path) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    pem = certificate(tmp_path / "c.pem", end)
    (age,) = await used(tmp_path, {"client-certificate": str(pem), "client-key": str(pem)})
    assert (age.what, age.expires_at) == ("client certificate", end)
    embedded = base64.b64encode(pem.read_bytes()).decode()
    (age,) = await used(tmp_path, {"client-certificate-data": embedded, "client-key-data": embedded})
    assert age.expires_at == end
    (age,) = await used(tmp_path, {"token": "opaque"})
    assert (age.what, bool(age.unknown)) == ("bearer token", True)
    answering = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "issued"},
    }
    plugin = {"apiVersion": answering["apiVersion"], "command": "echo", "args": [json.dumps(answering)]}
    (age,) = await used(tmp_path, {"exec": {**plugin, "interactiveMode": "Never"}})
    assert age.renewed_by == "an exec plugin"


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.e30.c", "Bearer a.W10.c", web_token(exp="soon"), "a.!!.c"])
async def test_a_token_that_tells_nothing_is_unknown_and_never_quoted(token: str) -> None:
    (age,) = await kubernetes_ages(None, token, renewed_by="")
    assert age.unknown
    assert token not in repr(age)


async def test_a_certificate_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("no certificate")
    for path in (tmp_path / "c.pem", tmp_path / "none.pem"):
        (age,) = await kubernetes_ages(str(path), None, renewed_by="")
        assert age.unknown == "it cannot be read"


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with moto_server(tmp_path_factory.mktemp("moto")) as server:
        yield server


def profiles(server: Server, path: Path) -> str:
    """A user with an access key, and a profile that assumes a role with it; the key's id."""
    iam, name, role = server.client("iam"), Names.new("user"), Names.new("halt-role")
    arn = server.make_role(role)
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    keys = f"aws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"
    path.write_text(f"[base]\n{keys}\n[halt]\nrole_arn = {arn}\nsource_profile = base\n")
    return str(key["AccessKeyId"])


async def test_the_key_at_the_beginning_of_a_chain_of_profiles_is_looked_up(moto: Server, tmp_path: Path) -> None:
    key = profiles(moto, tmp_path / "credentials")
    for profile in ("base", "halt"):
        table = moto.table(credentials_file=str(tmp_path / "credentials"), profile=profile)
        async with opened(IAM, table) as backend:
            assert isinstance(backend, TellsAges)
            (age,) = await backend.ages()
        assert (age.what, age.unknown) == (f"access key {key}", "")
        assert age.made_at is not None
        assert abs(datetime.now(UTC) - age.made_at) < timedelta(hours=1)


def deny(iam: Any) -> None:
    document = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:ListAccessKeys","Resource":"*"}]}'
    iam.put_user_policy(UserName="killswitch-operator", PolicyName="less", PolicyDocument=document)


def may_list_keys(iam: Any) -> bool:
    try:
        iam.list_access_keys(UserName="killswitch-operator")
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True


def said(report: dict[str, Any], subject: str) -> list[tuple[str, str]]:
    found = [f for f in report["findings"] if (f["section"], f["subject"]) == ("everyday", subject)]
    return sorted((f["standing"], f["what"]) for f in found)


async def test_check_tells_of_every_table_and_what_cannot_be_read_is_not_red() -> None:
    async with running(agents=2, seed=3) as sim:
        report = await answer(sim.config_path, "check", code=4)
        for subject in ("iam:sim", "lambda:sim"):
            ((standing, what),) = said(report, subject)
            assert standing == "ok"
            assert what.startswith("access key AKIA")
        assert said(report, "launchdarkly:sim") == [("ok", "access token killswitch-console is 0 days old")]
        ((standing, what),) = said(report, "kubernetes:sim")
        assert (standing, "bearer token" in what) == ("unknown", True)

        with closing(aws_client(sim, "iam")) as iam:
            await asyncio.to_thread(deny, iam)
            while await asyncio.to_thread(may_list_keys, iam):
                pass  # a policy change takes seconds to reach the data plane, in the simulator as well
        sim.faults.add(operation="launchdarkly.token", kind="error", status=403)
        report = await answer(sim.config_path, "check", code=4)
        for subject in ("iam:sim", "lambda:sim", "launchdarkly:sim"):
            assert [standing for standing, _ in said(report, subject)] == ["unknown"]
        assert any("iam:ListAccessKeys" in f["todo"] for f in report["findings"] if f["subject"] == "iam:sim")
        assert report["sections"]["everyday"] == "unknown"
