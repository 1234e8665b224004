"""``breakglass`` as people type it: enrol, list, test, remove; no secret in any file, line or argument."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console_command import answer, console
from killswitch_backends.simulator.launchdarkly import accounts
from simulated import Simulated, running

PASSPHRASE = "ocelot-granite-violin-seven-harbor"
TOKEN = "api-simulator-00000000-0000-4000-8000-00000000ba55"


@pytest.fixture
def known_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(accounts.CALLERS, TOKEN, accounts.Caller("break-glass", "5f00000000000000000000ba", True))


def prepared(sim: Simulated) -> tuple[str, str]:
    """Configure a vault beside the configuration; files with its passphrase and with the token."""
    text = sim.config_path.read_text()
    sim.config_path.write_text(text + '[[vault]]\nname = "glass"\nkind = "sealed-file"\npath = "glass.ksv"\n')
    (sim.tmp / "given").mkdir()
    (sim.tmp / "given" / "pass").write_text(PASSPHRASE + "\n")
    (sim.tmp / "given" / "token.json").write_text(json.dumps({"token": TOKEN}))
    return str(sim.tmp / "given" / "pass"), str(sim.tmp / "given" / "token.json")


@pytest.mark.usefixtures("known_token")
async def test_the_life_of_a_credential() -> None:
    async with running(agents=4, seed=2) as sim:
        secret, source = prepared(sim)
        with_pass = ("--passphrase-file", secret)
        listed = await answer(sim.config_path, "breakglass", "list")
        assert listed == {"vaults": [{"name": "glass", "state": "missing", "detail": listed["vaults"][0]["detail"]}], "credentials": []}  # fmt: skip  # noqa: E501

        words = ("breakglass", "enrol", "flags", "--kind", "launchdarkly-token", "--for", "launchdarkly:sim")
        enrolled = await console(sim.config_path, *words, "--from", source, *with_pass)
        assert enrolled.returncode == 0, enrolled.stderr
        (tried,) = await answer(sim.config_path, "breakglass", "test", *with_pass)
        assert tried == {"name": "flags", "passed": True, "says": "launchdarkly:sim: break-glass"}
        (entry,) = (await answer(sim.config_path, "breakglass", "list"))["credentials"]
        assert (entry["light"], entry["test_passed"], entry["vaults"]) == ("green", True, ["glass"])

        halt = ("halt", f"agent:{sim.specs[0].name}", "--reason", "login is down", "--incident", "INC-1", "--confirm")
        halted = await console(sim.config_path, *halt, "yes", "--break-glass", *with_pass)
        assert halted.returncode == 0, halted.stderr
        assert "BREAK-GLASS: vault glass opened launchdarkly:sim, until" in halted.stderr
        (entry,) = (await answer(sim.config_path, "breakglass", "list", code=4))["credentials"]
        assert entry["light"] == "red"
        assert "rotate it" in entry["why"]

        removed = await console(sim.config_path, "breakglass", "remove", "flags", *with_pass)
        assert removed.returncode == 0
        assert (await answer(sim.config_path, "breakglass", "list"))["credentials"] == []
        assert_nothing_leaked(sim, enrolled.stderr + halted.stderr + removed.stderr + halted.stdout)


def assert_nothing_leaked(sim: Simulated, said: str) -> None:
    kept = [path for path in sim.tmp.rglob("*") if path.is_file() and path.parent.name != "given"]
    assert any("audit" in str(path) for path in kept), "no trail was written"
    texts = {str(path): path.read_bytes() for path in kept} | {"what was said": said.encode()}
    assert [where for where, text in texts.items() for s in (PASSPHRASE, TOKEN) if s.encode() in text] == []


@pytest.mark.usefixtures("known_token")
async def test_misuse_is_one_line() -> None:
    async with running(agents=2, seed=2) as sim:
        secret, source = prepared(sim)
        weak = Path(secret).with_name("weak")
        weak.write_text("short\n")
        kind = ("--kind", "launchdarkly-token", "--for")
        enrol = ("breakglass", "enrol", "flags", *kind, "launchdarkly:sim", "--from", source)
        wrong = {
            (*enrol, "--passphrase-file", str(weak)): (2, "14 characters at least"),
            enrol: (2, "no terminal to ask for the passphrase"),
            (*enrol, "--vault", "other"): (2, "no [[vault]] is named 'other'"),
            ("breakglass", "enrol", "x", *kind, "launchdarkly:prod", "--from", source): (2, "no such table"),
            ("breakglass", "enrol", "x", *kind, "lambda:sim", "--from", source): (2, "cannot open lambda:sim"),
            ("breakglass", "test", "--passphrase-file", secret): (4, "there is no "),
            ("breakglass", "remove", "nobody"): (2, "no credential 'nobody' is enrolled"),
        }
        for words, (code, says) in wrong.items():
            done = await console(sim.config_path, *words)
            assert (done.returncode, done.stderr.count("\n")) in ((code, 1), (code, 2)), (words, done.stderr)
            assert says in done.stderr
            assert "Traceback" not in done.stderr
