"""Every command that the documents show is run here, as it is written, on a simulated world; or its test is named.

A page that shows a command which no step below has fails ``test_no_command_is_left_out``.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from certified_cluster import certified
from console_command import CONSOLE, typed
from documented import ROOT, commands, words
from emergency import glass_key
from killswitch_backends.simulator.launchdarkly import accounts
from looking import seen
from simulated import Simulated, eventually, running
from terminals import terminal

TESTS = ROOT / "tests"
PASSPHRASE = "ocelot-granite-violin-seven-harbor"

SYNOPSES = {
    "audit list [--since 7d] [--incident ID] [--by NAME] [--scope SCOPE] [--halt ID] [--kind halt.] "
    "[--text TEXT] [--json]": (
        "audit list --since 7d --incident INC-1 --by root --scope class:refund --json",
        "audit list --halt HALT --kind halt. --text refund",
    ),
    "audit show EVENT|HALT": ("audit show 1", "audit show HALT"),
    "audit export [--halt ID|--session ID|--scope SCOPE|--since TIME] --format jsonl|csv|ocsf|html|bundle [-o FILE]": (
        "audit export --halt HALT --format jsonl -o out.jsonl",
        "audit export --session SESSION --format csv -o out.csv",
        "audit export --scope class:refund --format ocsf -o out.ocsf",
        "audit export --since 1h --format html -o out.html",
        "audit export --halt HALT --format bundle -o out.zip",
    ),
    "audit play SESSION [--from EVENT] [--speed 2]": ("audit play SESSION --from session.started --speed 2",),
    "audit verify [BUNDLE|COPY] [--key KEY] [--offline] [--json]": (
        "audit verify out.zip",
        "audit verify DIRECTORY --key KEY",
        "audit verify --offline --json",
    ),
    "report [--since 90d] [--format json|html]": ("report --format json", "report --since 90d --format html"),
    "policy aws|kubernetes|launchdarkly": ("policy aws", "policy kubernetes", "policy launchdarkly"),
    "restore HALT --plan [--only SCOPE] [--json]": (
        "restore HALT --plan",
        "restore HALT --plan --only AGENT --json",
    ),
    "restore HALT --reason TEXT [--confirm TEXT] [--only SCOPE] [--on-failure stop|continue|undo] [--alone REASON]": (
        "restore HALT --reason fixed --only AGENT --confirm yes --on-failure undo",
        'restore HALT --reason fixed --confirm refund --on-failure continue --alone "nobody answers"',
    ),
}
"""What a synopsis allows: every option and alternative is in one of these, or has a test of its own."""

CANARY = "console/drills/test_canary.py"

ELSEWHERE = {
    "--drill monday": ("console/drills/test_two_terminals.py", "test_two_terminals_complete_a_drill"),
    "drill facilitate stuck-pods --name monday": (
        "console/drills/test_two_terminals.py",
        "test_two_terminals_complete_a_drill",
    ),
    "drill run --canary canary.toml": (CANARY, "test_canaries_on_all_platforms_are_halted_proven_and_put_back"),
    "drill run --canary canary.toml --preview": (CANARY, "test_it_is_asked_for_and_allowed_or_refused"),
    "drill run --canary /etc/killswitch-console/canary.toml --confirm yes": (
        CANARY,
        "test_canaries_on_all_platforms_are_halted_proven_and_put_back",
    ),
    "restore HALT --from-trail s3 --key KEY --reason TEXT": (
        "console/test_from_trail.py",
        "test_a_halt_is_restored_from_the_synchronised_trail_alone",
    ),
    "audit sync": ("console/audit/test_fallen.py", "test_the_commands_put_it_in_and_verify"),
}
"""What needs more than one simulated world (two people, an S3 store, canaries): the test that does it."""


@dataclass
class Shell:
    """Somebody at a bastion: a home, a configuration, and what the words in capitals stand for."""

    home: Path
    variables: dict[str, str]
    stands_for: dict[str, str] = field(default_factory=dict)

    def plainly(self, text: str) -> list[str]:
        """The words of a command, with the right names in the place of those in capitals."""
        return [self.stands_for.get(word, word) for word in words(text)]

    async def run(self, text: str, *more: str, code: int = 0) -> str:
        """Run a documented command, all of it where it is a synopsis; what it printed. It must exit with ``code``."""
        printed = ""
        for one in SYNOPSES.get(text, (text,)):
            given = [*self.plainly(one), *more]
            done = await typed(self.home, *given, **self.variables)
            assert done.returncode == code, f"{given} exited {done.returncode}: {done.stdout}{done.stderr}"
            assert "Traceback" not in done.stderr
            printed += done.stdout + done.stderr
        return printed

    async def on_a_screen(self, text: str, *sights: str, keys: str = "q") -> None:
        """Run a command that opens the console; see these, leave."""
        environment = " ".join(
            f"{key}='{value}'" for key, value in {**self.variables, "TERM": "xterm-256color"}.items()
        )
        shell = f"cd {self.home}; stty cols 80 rows 24; exec env HOME={self.home} {environment} {CONSOLE} {text}"
        async with terminal(["/bin/sh", "-c", shell]) as screen:

            def shown() -> str:
                return seen([screen.said], (80, 24))

            await eventually(lambda: all(sight in shown() for sight in sights), within=60)
            os.write(screen.master, keys.encode())
            assert await screen.end() == 0

    @asynccontextmanager
    async def beside(self, text: str, *more: str) -> AsyncIterator[str]:
        """Run a command that goes on until it is told to end; the first line that it prints."""
        process = await asyncio.create_subprocess_exec(
            *(str(CONSOLE), *self.plainly(text), *more),
            cwd=self.home,
            env=os.environ | {"HOME": str(self.home)} | self.variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        try:
            yield (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        finally:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 60) in (0, -signal.SIGTERM)


@pytest.fixture
async def world() -> AsyncIterator[tuple[Simulated, Shell]]:
    async with running(agents=12, seed=1) as sim:
        yield sim, Shell(sim.tmp, {"KILLSWITCH_CONFIG": str(sim.config_path)})


def halt_in(text: str) -> str:
    """The id of the halt that a command told of."""
    return re.findall(r"\bh-\d{8}-\d{6}-\w{4}\b", text)[0]


@pytest.mark.long
async def test_the_tour_of_the_readme_on_the_simulator_that_it_starts(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"KILLSWITCH_CONFIG": "sim.toml"})
    async with shell.beside("simulator --agents 60 --write-config sim.toml"):
        await shell.run("agents class:refund")
        await shell.run("plan class:refund")
        said = await shell.run('halt class:refund --reason "runaway refunds" --confirm refund')
        assert "STOPPED" in said
        shell.stands_for["HALT"] = halt_in(await shell.run("status"))
        await shell.run('restore HALT --reason "fixed" --confirm refund')


async def test_a_halt_its_trail_and_its_restore(world: tuple[Simulated, Shell]) -> None:
    sim, shell = world
    await shell.on_a_screen("", "refund", "Quit")
    halted = await shell.run('halt class:refund --reason "wrong refunds" --confirm refund --plain')
    key = next(sim.tmp.rglob("verifier-key")).read_text().strip()
    agent = next(f"agent:{spec.name}" for spec in sim.specs if spec.agent_class == "refund")
    shell.stands_for |= {"HALT": halt_in(halted), "KEY": key, "DIRECTORY": "copy", "AGENT": agent}
    events = json.loads((await typed(shell.home, "audit", "list", "--json", **shell.variables)).stdout)
    shell.stands_for["SESSION"] = next(e["session"] for e in events if e["kind"] == "session.recorded")
    for text in (
        *("audit list", "audit show 1", "audit verify", "audit export --format html"),
        *("audit export --halt HALT --format bundle -o halt.zip", "audit backup DIRECTORY", "report --since 90d"),
        *(text for text in SYNOPSES if text.startswith(("audit ", "report ", "restore HALT --plan"))),
    ):
        await shell.run(text)
    await shell.run("audit rotate")
    assert "keep_days" in await shell.run("audit retire", code=2)
    elsewhere = sim.tmp / "elsewhere.toml"
    elsewhere.write_text(re.sub(r"(?m)^state_dir.*$", 'state_dir = "elsewhere"', sim.config_path.read_text()))
    there = Shell(shell.home, {"KILLSWITCH_CONFIG": str(elsewhere)}, shell.stands_for | {"/mnt/backup/audit": "copy"})
    await there.run("restore HALT --from-trail /mnt/backup/audit --key KEY --reason TEXT", "--confirm", "refund")


async def test_restoring_in_part_and_whole(world: tuple[Simulated, Shell]) -> None:
    sim, shell = world
    halted = await shell.run('halt class:refund --reason "runaway refunds" --confirm refund')
    agent = next(f"agent:{spec.name}" for spec in sim.specs if spec.agent_class == "refund")
    shell.stands_for |= {"HALT": halt_in(halted), "AGENT": agent}
    shell.stands_for["/etc/killswitch-console/config.toml"] = str(sim.config_path)
    for text in ("hold", "hold --config /etc/killswitch-console/config.toml"):
        async with shell.beside(text) as said:
            assert shell.stands_for["HALT"] in said
    await shell.run(next(text for text in SYNOPSES if text.startswith("restore HALT --reason")))


async def test_what_is_arranged_beforehand(world: tuple[Simulated, Shell]) -> None:
    _, shell = world
    for text in (
        *("--version", "--plain", "agents class:refund --plain", "drill list", "runbook", "completion bash", "man"),
        *("policy kubernetes", "policy aws|kubernetes|launchdarkly"),
    ):
        assert await shell.run(text)
    said = await shell.run("check", code=4)
    assert "NOT ALL GREEN" in said
    await shell.on_a_screen("--read-only", "refund", "read-only")
    newcomer = Shell(shell.home, {"XDG_CONFIG_HOME": str(shell.home / "fresh")})
    await newcomer.run("init")
    assert list((shell.home / "fresh").rglob("config.toml"))


async def test_the_wall_display(world: tuple[Simulated, Shell]) -> None:
    _, shell = world
    anywhere = ("--port", "0")  # somebody else may have the usual one
    async with shell.beside("serve", *anywhere) as said:
        assert re.search(r"http://127\.0\.0\.1:\d+/\?token=\w", said)
    if shutil.which("openssl") is not None:
        made = "(umask 077; openssl rand -hex 32 > wall.token)"
        assert made in (ROOT / "docs" / "console.md").read_text()
        await asyncio.to_thread(subprocess.run, ["/bin/sh", "-c", made], cwd=shell.home, check=True)
    else:
        (shell.home / "wall.token").write_text("5e" * 32)
        (shell.home / "wall.token").chmod(0o600)
    async with shell.beside("serve --token-file wall.token --theme high-contrast", *anywhere) as said:
        assert "the token is in wall.token" in said


async def test_a_drill_alone_and_what_is_made_of_it(world: tuple[Simulated, Shell]) -> None:
    _, shell = world
    scenario = ROOT / "console/killswitch_console/drills/scenarios/runaway-refund-agent.toml"
    shell.stands_for["FILE"] = str(scenario)
    await shell.run("drill lint FILE")
    await shell.run("drill run runaway-refund-agent", "--player", "perfect")
    for text in (
        *("drill report", "drill report --trend", "drill replay"),
        'drill report --improve "page the second shift too" --owner "Mia Berg" --due 2027-03-31',
    ):
        assert await shell.run(text)


@pytest.fixture
def known_token(monkeypatch: pytest.MonkeyPatch) -> str:
    token = "api-simulator-00000000-0000-4000-8000-00000000ba55"
    monkeypatch.setitem(accounts.CALLERS, token, accounts.Caller("break-glass", "5f00000000000000000000ba", True))
    return token


async def test_break_glass(world: tuple[Simulated, Shell], known_token: str) -> None:
    sim, shell = world
    halted = await shell.run('halt class:refund --reason "runaway refunds" --confirm refund')
    vault = '[[vault]]\nname = "glass"\nkind = "sealed-file"\npath = "glass.ksv"\n'
    sim.config_path.write_text(sim.config_path.read_text() + vault)
    shell.stands_for |= {f"{kind}:prod": f"{kind}:sim" for kind in ("kubernetes", "lambda", "iam", "launchdarkly")}
    shell.stands_for["h-20261122-150102-k7qd"] = halt_in(halted)
    (shell.home / "pass").write_text(PASSPHRASE + "\n")
    opened = ("--passphrase-file", "pass")
    async with certified(sim, sim.tmp, ["break-glass"]) as front:
        client = front.authority.issue("break-glass", organisation="ks-operators")
        fields = {
            "aws": dict(await asyncio.to_thread(glass_key, sim)),
            "cluster": {
                "server": front.url,
                "certificate": client.certificate,
                "key": client.key,
                "authority": front.authority.own.certificate,
            },
            "trigger": {"url": f"{sim.url}/launchdarkly/webhook/triggers/none", "flag": "agent-refund-1"},
        }
        for name, given in fields.items():
            (shell.home / f"{name}.json").write_text(json.dumps(given))
        aws = "breakglass enrol aws --kind aws-key --for lambda:prod --for iam:prod"
        await shell.run(aws, "--from", "aws.json", *opened)
        cluster = "breakglass enrol cluster --kind kubernetes-certificate --for kubernetes:prod --from cluster.json"
        await shell.run(cluster, *opened)
        trigger = "breakglass enrol refund-flag --kind trigger-url --for launchdarkly:prod"
        await shell.run(trigger, "--from", "trigger.json", *opened)
        await shell.run("breakglass test", *opened)
        listed = await shell.run("breakglass list")
        assert all(name in listed for name in ("aws", "cluster", "refund-flag")), listed
        resumed = await shell.run("resume h-20261122-150102-k7qd --break-glass", *opened)
        assert "stopped" in resumed.lower(), resumed


def test_no_command_is_left_out() -> None:
    said = {one.text for one in commands()}
    run = set(words_run(Path(__file__).read_text(encoding="utf-8"))) | SYNOPSES.keys() | ELSEWHERE.keys()
    assert sorted(said - run) == []


def words_run(source: str) -> list[str]:
    """Every text in this file that a step may run."""
    return [
        one.replace('\\"', '"')
        for pair in re.findall(r"""'([^'\n]+)'|"((?:[^"\\\n]|\\.)*)\"""", source)
        for one in pair
    ]


@pytest.mark.parametrize(("file", "name"), sorted(set(ELSEWHERE.values())))
def test_what_is_run_elsewhere_is_a_test(file: str, name: str) -> None:
    assert re.search(rf"^(?:async )?def {name}\(", (TESTS / file).read_text(encoding="utf-8"), re.MULTILINE)
