"""The configuration that a simulator writes for the console."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest
import yaml

from killswitch_backends.simulator.configuration import write_configuration

URL = "http://127.0.0.1:4242"


@pytest.fixture
def written(tmp_path):
    return write_configuration(tmp_path / "deep" / "config.toml", url=URL)


def test_it_has_a_table_for_every_platform(written):
    content = tomllib.loads(written.read_text())
    assert content["environment"] == "simulator"
    assert content["state_dir"] == f"{written.parent}/state"
    for kind in ("kubernetes", "lambda", "iam", "launchdarkly"):
        (table,) = content[kind]
        assert table["name"] == "sim"
    assert set(content) == {"environment", "state_dir", "kubernetes", "lambda", "iam", "launchdarkly"}


def test_every_address_is_the_simulators(written):
    content = tomllib.loads(written.read_text())
    addresses = [
        value
        for kind in ("lambda", "iam", "launchdarkly")
        for key, value in content[kind][0].items()
        if key.endswith(("_uri", "_url"))
    ]
    kubeconfig = yaml.safe_load(Path(content["kubernetes"][0]["kubeconfig"]).read_text())
    addresses.append(kubeconfig["clusters"][0]["cluster"]["server"])
    assert len(addresses) == 7
    assert all(address.startswith(f"{URL}/") for address in addresses)


def test_it_holds_no_secret_itself_and_only_its_owner_can_read_what_it_names(written):
    content = tomllib.loads(written.read_text())
    flags = content["launchdarkly"][0]
    files = [content["kubernetes"][0]["kubeconfig"], content["lambda"][0]["credentials_file"]]
    files += [flags[key].removeprefix("file:") for key in ("token", "sdk_key")]
    for name in files:
        path = Path(name)
        assert path.is_absolute()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        for word in path.read_text().split():
            assert len(word) < 20 or word not in written.read_text()


def test_it_is_replaced_whole(written):
    write_configuration(written, url="http://127.0.0.1:9")
    assert "4242" not in written.read_text()
    assert [path.name for path in written.parent.iterdir() if path.name.startswith(".")] == []


def test_odd_paths_survive_toml(tmp_path):
    odd = write_configuration(tmp_path / 'qu"ote\\back' / "ümlaut.toml", url=URL)
    content = tomllib.loads(odd.read_text())
    assert Path(content["lambda"][0]["credentials_file"]).exists()


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_configuration(tmp_path / "file" / "config.toml", url=URL)
