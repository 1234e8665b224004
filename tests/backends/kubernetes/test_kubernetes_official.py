"""Loading the official client: little, and without a trace that would hurt anybody else's import of it."""

from __future__ import annotations

import subprocess
import sys

WHOLE = """
import kubernetes, kubernetes.aio
assert kubernetes.client.CoreV1Api and kubernetes.watch.Watch and kubernetes.__version__
assert kubernetes.aio.client.CoreV1Api and kubernetes.aio.watch.Watch and kubernetes.aio.dynamic
assert kubernetes.aio.config.kube_config is official.kube_config
"""


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_backend_loads_neither_the_client_nor_aiohttp() -> None:
    _run(
        "import sys, killswitch_backends.kubernetes\n"
        "heavy = {'kubernetes', 'aiohttp', 'yaml', 'requests'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )


def test_only_the_parts_in_use_are_imported_and_a_later_import_by_anyone_is_whole() -> None:
    _run(
        "import sys\n"
        "from killswitch_backends.kubernetes.official import load\n"
        "official = load()\n"
        "assert official.rest.RESTClientObject and official.configuration().host is not None\n"
        "assert 'kubernetes.client' not in sys.modules, 'the sync client was imported'\n"
        "assert 'kubernetes.aio.dynamic' not in sys.modules\n"
        "assert not {'kubernetes', 'kubernetes.aio'} & set(sys.modules), 'bare packages were left behind'\n"
        "assert load().rest is official.rest\n" + WHOLE
    )


def test_a_client_that_was_imported_before_is_used_as_it_is() -> None:
    _run(
        "import kubernetes, kubernetes.aio\n"
        "from killswitch_backends.kubernetes.official import load\n"
        "official = load()\n" + WHOLE
    )


def test_another_layout_of_the_client_falls_back_to_the_plain_import() -> None:
    _run(
        "import sys\n"
        "from killswitch_backends.kubernetes import official as module\n"
        "def changed(name): raise ImportError(f'{name} moved')\n"
        "module._bare = changed\n"
        "official = module.load()\n"
        "assert 'kubernetes.aio.watch' in sys.modules, 'it is not the plain import'\n" + WHOLE
    )
