"""Which file system a path is on: whether it would harm the embedded engine, and how full it is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/mounts")

# SQLite's WAL needs POSIX locks and memory shared between processes; these give neither for sure.
_NETWORK: Final = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "fuse.ceph",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.goofys",
        "fuse.juicefs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "smb2",
        "smb3",
        "smbfs",
    }
)
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted file system: where, of which kind (both None where the system has no list of them),
    and how much of it is free."""

    mounted_at: Path | None
    kind: str | None
    free_bytes: int
    free_files: bool
    read_only: bool

    def __str__(self) -> str:
        free = f"{self.free_bytes // 1024} KB free"
        if self.mounted_at is None:
            return free
        return f"{self.kind} mounted at {self.mounted_at}, {free}"


def disk_of(path: Path) -> Disk | None:
    """The disk that the file is on, or would be; None where the system refuses to report it."""
    folder = path.parent
    try:
        status = os.statvfs(folder)
    except (OSError, AttributeError):  # not every system has it
        return None
    found = _mount_of(folder)
    return Disk(
        mounted_at=None if found is None else found[0],
        kind=None if found is None else found[1],
        free_bytes=status.f_bavail * status.f_frsize,
        # Some file systems have no fixed number of files, and count none.
        free_files=status.f_favail > 0 or status.f_files == 0,
        read_only=bool(status.f_flag & os.ST_RDONLY),
    )


def network_file_system(path: Path) -> str | None:
    """The type of the network file system that ``path`` is on; None on a local one.

    None, too, where the system doesn't report it (no ``/proc/mounts``).
    """
    found = _mount_of(path)
    return found[1] if found is not None and found[1] in _NETWORK else None


def _mount_of(path: Path) -> tuple[Path, str] | None:
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        return mounted(path.resolve(), mounts)
    except OSError:
        return None


def file_system(path: Path, mounts: str) -> str | None:
    """The type of the file system at ``path`` in a table of mounts as in ``/proc/mounts``."""
    found = mounted(path, mounts)
    return None if found is None else found[1]


def mounted(path: Path, mounts: str) -> tuple[Path, str] | None:
    """Where the file system at ``path`` is mounted, and its type, in a table of mounts.

    The longest mount point above the path counts; of two at one point, the later.
    """
    found: tuple[Path, str] | None = None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(_OCTAL.sub(lambda m: chr(int(m[1], 8)), fields[1]))
        longer = found is None or len(point.parts) >= len(found[0].parts)
        if longer and path.is_relative_to(point):
            found = point, fields[2]
    return found
