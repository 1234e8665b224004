"""Whom and where a table acts as is what the table says: the environment has no say, and imports stay light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from killswitch_backends.aws_common.arns import role_behind
from killswitch_backends.aws_common.session import ServiceModels, assumed_on_the_way, create_client, open_session
from killswitch_backends.aws_iam import IamSettings
from killswitch_backends.aws_lambda import LambdaSettings


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.write_text(
        "[sim]\naws_access_key_id = AKIAFILE\naws_secret_access_key = from-the-file\n"
        "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = base\n"
        "[chained]\nrole_arn = arn:aws:iam::111122223333:role/second\nsource_profile = first\n"
        "[first]\nrole_arn = arn:aws:iam::111122223333:role/first\nsource_profile = base\n"
    )
    return path


def settings(credentials: Path, profile: str = "sim") -> LambdaSettings:
    return LambdaSettings(
        name="sim",
        region="eu-central-1",
        profile=profile,
        credentials_file=credentials,
        endpoint_url="http://127.0.0.1:1/aws",
    )


def test_the_environment_changes_neither_credentials_nor_address(
    credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in {
        "AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "x",
        "AWS_PROFILE": "someone", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_CONFIG_FILE": "/nowhere",
        "AWS_ENDPOINT_URL": "http://elsewhere.invalid", "AWS_ENDPOINT_URL_LAMBDA": "http://elsewhere.invalid",
        "AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2", "AWS_MAX_ATTEMPTS": "9",
        "HTTP_PROXY": "http://proxy.invalid:1", "http_proxy": "http://proxy.invalid:1",
    }.items():  # fmt: skip
        monkeypatch.setenv(key, value)
    session = open_session(settings(credentials), ServiceModels())
    client = create_client(session, settings(credentials), "lambda")
    try:
        assert session.get_credentials().access_key == "AKIAFILE"
        assert client.meta.endpoint_url == "http://127.0.0.1:1/aws"
        assert client.meta.region_name == "eu-central-1"
        assert client.meta.config.retries["total_max_attempts"] == 1
        assert client.meta.config.proxies == {}
        assert client.meta.config.max_pool_connections >= 32
    finally:
        client.close()


def test_the_roles_a_profile_becomes_on_its_way_are_known(credentials: Path) -> None:
    session = open_session(settings(credentials, "chained"), ServiceModels())
    assert [arn.rsplit("/", 1)[-1] for arn in assumed_on_the_way(session)] == ["second", "first"]


def test_the_role_behind_a_session() -> None:
    assert role_behind("arn:aws:sts::111122223333:assumed-role/oncall/ada") == (
        "arn:aws:iam::111122223333:role/oncall",
    )
    assert role_behind("arn:aws:iam::111122223333:user/ada") == ()


@pytest.mark.parametrize("package", ["aws_lambda", "aws_iam", "aws_common"])
def test_importing_a_backend_imports_no_sdk(package: str) -> None:
    code = f"import sys, killswitch_backends.{package}; print([m for m in ('boto3', 'botocore') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "table",
    [
        {"name": "x", "unknown": 1},
        {"name": "x", "region": 5},
        {"name": "a/b"},
        {"name": "x", "calls_per_second": 0},
        {"name": "x", "endpoint_url": "ftp://x"},
        {"region": "eu-central-1"},
    ],
)
def test_settings_are_strict(table: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LambdaSettings.model_validate(table)


def test_settings_take_what_toml_gives() -> None:
    table = {"name": "x", "credentials_file": "/tmp/c", "propagation_seconds": 5, "path_prefix": "/agents/"}
    assert IamSettings.model_validate(table).propagation_seconds == 5.0
    assert LambdaSettings.model_validate({"name": "x", "calls_per_second": 10}).calls_per_second == 10.0
    with pytest.raises(ValidationError):
        IamSettings.model_validate({"name": "x", "path_prefix": "agents"})
