"""The runbook and the policies: usable with nothing at all, and true to the program."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml

from console_command import console
from killswitch_console.cli.main import _names
from killswitch_console.runbook import CHAPTERS
from simulated import running

NOWHERE = Path("/nonexistent/config.toml")


async def test_the_runbook_needs_no_configuration_and_no_network() -> None:
    printed = await console(NOWHERE, "runbook")
    assert printed.returncode == 0
    assert "without your contacts: /nonexistent/config.toml" in printed.stderr
    assert "7. Whom to call" in printed.stdout
    assert "Nobody is named" in printed.stdout


async def test_it_names_the_contacts_of_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        'environment = "production"\n[[contact]]\nrole = "incident lead"\nname = "A\\u001b[31m"\nreach = "+44 1"\n'
    )
    printed = await console(config, "runbook")
    assert "RUNBOOK: halting agents in production" in printed.stdout
    assert "incident lead: A\\x1b[31m, +44 1" in printed.stdout


def test_every_command_it_names_exists() -> None:
    named = {
        shlex.split(line.partition("killswitch-console ")[2].replace("'", '"').partition(";")[0])[0].strip(":.")
        for chapter in CHAPTERS
        for line in chapter.lines
        if "killswitch-console " in line
    }
    assert named
    assert named <= set(_names())


def test_it_fits_a_printed_page() -> None:
    assert max(len(line) for chapter in CHAPTERS for line in chapter.lines) <= 110


@pytest.mark.parametrize("platform", ["aws", "launchdarkly", "eventbridge", "kubernetes"])
async def test_policies_are_whole_documents(platform: str) -> None:
    async with running(agents=1, seed=1) as sim:
        printed = await console(sim.config_path, "policy", platform)
    assert printed.returncode == 0, printed.stderr
    if platform == "kubernetes":
        documents = list(yaml.safe_load_all(printed.stdout))
        assert {document["kind"] for document in documents if document} >= {"ClusterRole", "ClusterRoleBinding"}
        assert "secrets" not in printed.stdout.split("---", 1)[1]
    else:
        document = json.loads(printed.stdout)
        assert document
        if platform == "aws":
            writing = [s for s in document["Statement"] if any(a.startswith("iam:Put") for a in s["Action"])]
            assert all("/agents/*" in statement["Resource"] for statement in writing)
