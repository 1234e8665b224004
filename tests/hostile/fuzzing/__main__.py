"""``python -m hostile.fuzzing SECONDS [TARGET ...]``: fuzzes each target in a process of its own; fails if one did.

What breaks a target is left in ``build/fuzzing/TARGET``: it becomes an example of the property test beside it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_LARGEST, _SLOWEST, _MEMORY = 65_536, 10, 2_048
"""Bytes of an input; seconds and MiB that it may take."""


def fuzz(name: str, seconds: str, corpus: Path) -> None:
    """Fuzz one target; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["killswitch_backends", "killswitch_console", "tomllib"]):
        from hostile.fuzzing.targets import TARGETS
    limits = [f"-max_total_time={seconds}", f"-max_len={_LARGEST}", f"-timeout={_SLOWEST}", f"-rss_limit_mb={_MEMORY}"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={corpus}-", str(corpus)], TARGETS[name])
    atheris.Fuzz()


def main(seconds: str, names: list[str]) -> int:
    """Fuzz targets one after another; how many broke."""
    from hostile.fuzzing.targets import SEEDS, TARGETS

    broken = 0
    for name in names or list(TARGETS):
        corpus = Path(__file__).parents[3] / "build" / "fuzzing" / name
        corpus.mkdir(parents=True, exist_ok=True)
        (corpus / "seed").write_bytes(SEEDS[name])
        command = [sys.executable, "-m", "hostile.fuzzing", "--one", name, seconds, str(corpus)]
        ended = subprocess.run(command, capture_output=True, text=True)
        runs = [line for line in ended.stderr.splitlines() if line.startswith(("Done", "#"))][-1:]
        print(f"{name}: {'holds' if ended.returncode == 0 else 'BROKEN'} {' '.join(runs)}", flush=True)
        if ended.returncode:
            broken += 1
            print(ended.stderr[-4_000:], file=sys.stderr)
    return broken


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        fuzz(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    sys.exit(min(main(sys.argv[1], sys.argv[2:]), 1))
