"""Whether a file lies on this machine: a vault on a network file system is gone when the network or its login is."""

from __future__ import annotations

from pathlib import Path

_NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "fuse.gvfsd", "ceph", "9p", "afs", "glusterfs", "lustre", "davfs")
_MOUNTS = Path("/proc/self/mountinfo")


def network_filesystem(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """The kind of network file system that a path is on; None for a disk of this machine. Blocks."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    place = path.resolve()
    best, kind = Path("/"), ""
    for line in lines:
        left, separator, right = line.partition(" - ")
        fields = left.split()
        if not separator or len(fields) < 5:
            continue
        mount = Path(fields[4].replace("\\040", " "))
        if place.is_relative_to(mount) and len(mount.parts) >= len(best.parts):
            best, kind = mount, right.split()[0]
    return kind if kind.startswith(_NETWORK) else None
