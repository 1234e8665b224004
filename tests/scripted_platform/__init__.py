"""A platform in memory that tells the truth and fails on command, behind the backend protocol.

    world = World()
    world.add("kubernetes:prod/a/Deployment/one", agents=["one"], running=3, drains=2.0)
    world.strike("halt", "kubernetes:prod/a/Deployment/one", Fault.UNREACHABLE_AFTER)
    settings = world.settings(tmp_path)       # EngineSettings for open_engine(settings, publish, now)

One world serves every test whose subject is not a platform: the engine's (in virtual time), the screens' (in real time,
``console/tui/scripted.py``), and those with a crowd of 50,000 targets (``crowd.py``). ``things.py`` is what exists,
``world.py`` what it has been through, ``backend.py`` one open connection to it.
"""

from scripted_platform.backend import Scripted
from scripted_platform.faults import Fault
from scripted_platform.intent import durable_intent
from scripted_platform.things import Mark, Thing
from scripted_platform.world import World

__all__ = ["Fault", "Mark", "Scripted", "Thing", "World", "durable_intent"]
