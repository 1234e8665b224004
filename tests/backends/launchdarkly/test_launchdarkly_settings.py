from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from killswitch_backends.launchdarkly import KIND, LaunchDarklySettings

TABLE: dict[str, Any] = {
    "name": "prod",
    "project": "agents",
    "environment": "production",
    "token": "env:LD_TOKEN",
    "sdk_key": "file:/run/secrets/sdk",
}


def test_a_table_needs_little_and_defaults_to_the_vendor() -> None:
    settings = LaunchDarklySettings(**TABLE)
    assert settings.tag == "agent"
    assert settings.base_uri == "https://app.launchdarkly.com"
    assert settings.stream_uri == "https://stream.launchdarkly.com"
    assert (KIND.kind, KIND.layer.value) == ("launchdarkly", "capability")


@pytest.mark.parametrize("key", ["token", "sdk_key"])
def test_a_literal_secret_is_an_error_that_does_not_repeat_it(key: str) -> None:
    secret = "api-12345678-live-secret"
    with pytest.raises(ValidationError) as caught:
        LaunchDarklySettings(**{**TABLE, key: secret})
    assert "keyring:NAME" in str(caught.value)
    assert secret not in str(caught.value)
    assert secret not in repr(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"unknown": 1},
        {"name": ""},
        {"name": "a/b"},
        {"project": "a b"},
        {"tag": ""},
        {"token": "env:"},
        {"base_uri": "ftp://x"},
        {"base_uri": "http://app.launchdarkly.com"},
        {"base_uri": "https://user:word@app.launchdarkly.com"},
        {"stream_uri": "stream"},
        {"environment": 3},
    ],
)
def test_wrong_tables_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LaunchDarklySettings(**{**TABLE, **wrong})


def test_http_is_for_loopback_only() -> None:
    settings = LaunchDarklySettings(**{**TABLE, "base_uri": "http://127.0.0.1:8080/launchdarkly/"})
    assert settings.base_uri == "http://127.0.0.1:8080/launchdarkly"


def test_importing_the_package_imports_no_sdk_and_no_client() -> None:
    code = (
        "import sys, killswitch_backends.launchdarkly;"
        "print([n for n in ('ldclient', 'ld_eventsource', 'aiohttp', 'urllib3') if n in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"
