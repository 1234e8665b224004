"""1,000 Deployments: our halt until the last is accepted, beside ``kubectl scale -l`` on the same simulated cluster.

kubectl (1.32 here) is used as a person uses it, one namespace after another: it knows no other way. What it takes is
its own limit of 5 requests a second after the first 10 (it says so: "client-side throttling"), not the simulator's
speed, which the bare loop shows. So it is measured with a kubectl for each namespace at once too.
"""

from __future__ import annotations

import asyncio
import time

from benchmarks.cold_start import kubernetes_only
from benchmarks.measuring import Row
from benchmarks.thousand_deployments import AGENTS, at_rest, bare_halt, our_halt, since_confirmation
from killswitch_backends.simulator.seams import Runtime
from killswitch_console.assembling import engine_settings
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from simulated import Simulated, eventually, process

ROUNDS = 3
FASTER = 50


async def measure() -> list[Row]:
    async with process(agents=AGENTS, seed=1) as sim:
        count = sum(spec.runtime is Runtime.KUBERNETES for spec in sim.specs)
        ours: list[float] = []
        async with open_engine(engine_settings(load_configuration(kubernetes_only(sim)))) as engine:
            await engine.discover()
            for _ in range(ROUNDS):
                await at_rest(sim)
                halt, _ = await our_halt(engine, sim)
                ours.append(since_confirmation(halt)[0])
            await at_rest(sim)
            bare = [await bare_halt(sim.config_path, halt)]
            await at_rest(sim)
        theirs = [await one_after_another(sim)]
        await eventually(lambda: nothing_runs(sim), within=60)
    async with process(agents=AGENTS, seed=1) as sim:
        await at_rest(sim)
        together = [await all_at_once(sim)]
        await eventually(lambda: nothing_runs(sim), within=60)
    what = f"{count} Deployments: confirmation to last accepted"
    return [
        Row(what, ours, limit=1 / FASTER, baseline=theirs, peer="kubectl scale -l"),
        Row("a bare aiohttp loop on them", bare, baseline=theirs, peer="kubectl scale -l"),
        Row(what, ours, baseline=together, peer="a kubectl for each namespace, all at once"),
    ]


def deployments(sim: Simulated) -> dict[str, str]:
    """The namespace of each agent that runs on Kubernetes."""
    return {spec.name: spec.namespace for spec in sim.specs if spec.runtime is Runtime.KUBERNETES}


def nothing_runs(sim: Simulated) -> bool:
    truth = sim.truth()
    return not any(truth[name]["running"] for name in deployments(sim))


async def one_after_another(sim: Simulated) -> float:
    """Seconds that kubectl takes to scale all of them to zero, one namespace after another."""
    began = time.perf_counter()
    for namespace in namespaces(sim):
        await scale(sim, namespace)
    return time.perf_counter() - began


async def all_at_once(sim: Simulated) -> float:
    """The same with a kubectl for each namespace, begun together."""
    began = time.perf_counter()
    await asyncio.gather(*(scale(sim, namespace) for namespace in namespaces(sim)))
    return time.perf_counter() - began


def namespaces(sim: Simulated) -> list[str]:
    return sorted(set(deployments(sim).values()))


async def scale(sim: Simulated, namespace: str) -> None:
    kubeconfig = sim.config_path.parent / f"{sim.config_path.stem}-simulator" / "kubeconfig"
    words = ("kubectl", "--kubeconfig", str(kubeconfig), "--namespace", namespace)
    verb = ("scale", "deployment", "--selector", "agent", "--replicas", "0")
    child = await asyncio.create_subprocess_exec(*words, *verb, stdout=asyncio.subprocess.DEVNULL)
    code = await child.wait()
    assert code == 0, f"kubectl exited {code}"
