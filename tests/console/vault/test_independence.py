"""What a break-glass credential must not hang on, and what everyday credentials are found to hang on."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from killswitch_backends.aws_common.provenance import provenance as of_aws
from killswitch_backends.aws_common.settings import AwsSettings
from killswitch_backends.kubernetes.provenance import provenance as of_cluster
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_console.vault.credential import Credential, CredentialKind
from killswitch_console.vault.filesystems import network_filesystem
from killswitch_console.vault.independence import Surrounding, account_of_key, facts_of, objections
from killswitch_console.vault.register import Entry, Register

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HALT_ROLE = "arn:aws:iam::111122223333:role/emergency/ks-halt"
AROUND = Surrounding(
    agent_paths=("/agents/",),
    agent_roles={"refund-1-role": "refund-1"},
    agent_accounts=frozenset({"111122223333"}),
    everyday={"kubernetes:prod": "oncall@corp", "launchdarkly:prod": "console"},
)


def key_of(account: str) -> str:
    """An access key's id of an account, as AWS encodes it."""
    number = (int(account) << 7) | 0x800000000000
    return "AKIA" + base64.b32encode(number.to_bytes(6, "big") + b"\0\0\0\0").decode()


def entry(kind: CredentialKind = CredentialKind.AWS_KEY, /, **known: object) -> Entry:
    return Entry(name="x", kind=kind, backends=(), vaults=("v",), enrolled_at=NOW, **known)  # type: ignore[arg-type]


def test_a_key_of_an_emergency_account_for_the_halt_role_is_independent() -> None:
    fields = {"access_key_id": key_of("999900001111"), "secret_access_key": "s", "role_arn": HALT_ROLE}
    credential = Credential(name="x", kind=CredentialKind.AWS_KEY, backends=("iam:prod",), fields=fields)
    facts = facts_of(credential)
    assert account_of_key(fields["access_key_id"]) == "999900001111"
    assert facts["key_account"] == "999900001111"
    assert list(objections(entry(facts=facts), AROUND)) == []


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({"facts": {"role_arn": "arn:aws:iam::111122223333:role/agents/refund-1-role"}}, "an agents' role"),
        ({"facts": {"role_arn": "arn:aws:iam::111122223333:role/refund-1-role"}}, "the role of agent refund-1"),
        ({"facts": {"role_arn": HALT_ROLE, "key_account": "111122223333"}}, "the agents' own"),
        ({"facts": {"key_account": "111122223333"}}, "the agents' own"),
        ({"facts": {"groups": "ks,system:masters"}}, "cannot be limited"),
        ({"identities": {"kubernetes:prod": "oncall@corp"}}, "as it does the everyday credentials"),
        ({"identities": {"kubernetes:prod": "system:serviceaccount:agents:refund"}}, "a service account"),
        ({"identities": {"iam:p": "arn:aws:sts::1:assumed-role/AWSReservedSSO_Admin_1/x"}}, "it hangs on login"),
    ],
)
def test_what_is_not_independent_is_named(known: dict[str, object], says: str) -> None:
    (objection,) = objections(entry(CredentialKind.AWS_KEY, **known), AROUND)
    assert says in objection


def test_with_broken_glass_the_identities_are_its_own_and_prove_nothing() -> None:
    same = entry(identities={"launchdarkly:prod": "console"})
    assert list(objections(same, AROUND, compare=False)) == []


CONFIG = """
[profile sso]
sso_session = corp
[sso-session corp]
sso_start_url = https://corp.example
[profile through]
role_arn = arn:aws:iam::1:role/oncall
source_profile = sso
[profile process]
credential_process = /opt/bin/login
[profile machine]
role_arn = arn:aws:iam::1:role/oncall
credential_source = Ec2InstanceMetadata
[profile web]
role_arn = arn:aws:iam::1:role/oncall
web_identity_token_file = /t
[profile loop]
role_arn = r
source_profile = loop
"""


@pytest.mark.parametrize(
    ("profile", "hangs_on"),
    [
        ("sso", "an SSO session"),
        ("through", "an SSO session"),
        ("process", "the program of credential_process"),
        ("machine", ""),
        ("web", "the identity provider that issues the web identity token"),
        ("loop", "a profile that is missing"),
        ("static", ""),
        ("temporary", "whatever issued those temporary keys"),
        ("nowhere", "a profile that is missing"),
    ],
)
def test_what_aws_profiles_hang_on(tmp_path: Path, profile: str, hangs_on: str) -> None:
    (tmp_path / "config").write_text(CONFIG)
    keys = "aws_access_key_id = AKIAX\naws_secret_access_key = hunter2\n"
    (tmp_path / "keys").write_text(f"[static]\n{keys}[temporary]\n{keys}aws_session_token = t\n")
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "keys")}
    found = of_aws(AwsSettings(name="prod", profile=profile), files)
    assert found.hangs_on == hangs_on
    assert "hunter2" not in repr(found)


def test_what_the_environment_hangs_on(tmp_path: Path) -> None:
    none = {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    settings = AwsSettings(name="prod")
    assert of_aws(settings, none | {"AWS_ACCESS_KEY_ID": "A"}).hangs_on == ""
    assert of_aws(settings, none | {"AWS_ACCESS_KEY_ID": "A", "AWS_SESSION_TOKEN": "t"}).hangs_on
    assert "identity provider" in of_aws(settings, none | {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}).hangs_on
    assert of_aws(settings, none).how == "the instance's own role, if it has one"


@pytest.mark.parametrize(
    ("user", "hangs_on"),
    [
        ("{exec: {command: /usr/bin/aws, args: [eks, get-token]}}", "the exec plugin aws"),
        ("{auth-provider: {name: oidc}}", "the auth provider oidc"),
        ("{client-certificate-data: eA==, client-key-data: eA==}", ""),
        ("{token: hunter2}", ""),
        ("{tokenFile: /t}", "whatever renews that token file"),
        ("{}", "nothing that would authenticate it"),
        ("text", "a kubeconfig that cannot be read"),
    ],
)
def test_what_clusters_hang_on(tmp_path: Path, user: str, hangs_on: str) -> None:
    path = tmp_path / "kubeconfig"
    text = "current-context: c\ncontexts: [{name: c, context: {user: u, cluster: k}}]\nusers: [{name: u, user: %s}]\n"
    path.write_text(text % user)
    found = of_cluster(KubernetesSettings(name="prod", kubeconfig=str(path)), {})
    assert found.hangs_on == hangs_on
    assert "hunter2" not in repr(found)
    assert of_cluster(KubernetesSettings(name="prod", kubeconfig=str(tmp_path / "none")), {}).hangs_on


def test_a_vault_on_a_network_file_system_is_found(tmp_path: Path) -> None:
    line = "{number} 1 0:4{number} / {mount} rw,relatime shared:1 - {kind} source rw\n"
    home = tmp_path / "home"
    home.mkdir()
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        line.format(number=1, mount="/", kind="ext4")
        + line.format(number=2, mount=home, kind="nfs4")
        + line.format(number=3, mount=home / "local", kind="xfs")
    )
    assert network_filesystem(home / "glass.ksv", mounts) == "nfs4"
    assert network_filesystem(home / "local" / "glass.ksv", mounts) is None
    assert network_filesystem(Path("/etc/glass.ksv"), mounts) is None


def test_the_same_secret_in_one_vault_more_is_no_rotation(tmp_path: Path) -> None:
    register = Register(tmp_path / "breakglass.json")
    first = entry(facts={"digest": "aa"})
    register.enrol(first)
    register.used(["x"], NOW)
    later = datetime(2026, 11, 23, tzinfo=UTC)
    second = Entry(
        name="x", kind=first.kind, backends=(), vaults=("w",), enrolled_at=later, facts={"digest": "aa"}
    )  # fmt: skip
    register.enrol(second)
    (known,) = register.entries()
    assert (known.vaults, known.enrolled_at, known.used_at) == (("v", "w"), NOW, NOW)
    register.withdraw("x", {"v"})
    assert register.entries()[0].vaults == ("w",)
    rotated = Entry(name="x", kind=first.kind, backends=(), vaults=("w",), enrolled_at=later, facts={"digest": "bb"})
    register.enrol(rotated)
    assert register.entries() == (rotated,)
    register.withdraw("x", {"w"})
    assert register.entries() == ()
