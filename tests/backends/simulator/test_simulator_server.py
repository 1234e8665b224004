"""The server as its clients see it."""

from simulated import process, running


async def test_thread_serves_and_stops():
    async with running(agents=5, seed=2) as sim:
        assert len(sim.truth()) == 5
        sim.faults.add(operation="x.*", kind="hang")
        assert sim.faults.list()[0]["kind"] == "hang"
        assert sim.counts() == {}


async def test_process_serves_and_stops():
    async with process(agents=5, seed=2) as sim:
        assert len(sim.truth()) == 5
