"""A disk of its own for a test: a file system in memory that is small, can be filled, and made read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_BALLAST = "ballast"


@dataclass(frozen=True, slots=True)
class Disk:
    """One mounted file system."""

    top: Path

    def fill(self, but_bytes: int = 0) -> None:
        """Until not a byte more can be written, or so many are left."""
        if but_bytes:
            with open(self.top / _BALLAST, "wb", buffering=0) as file:
                while self.free_bytes() > but_bytes:
                    file.write(b"x" * 1_000_000)
            return
        with open(self.top / _BALLAST, "ab", buffering=0) as file, suppress(OSError):
            for size in (1_000_000, 4096, 1):
                with suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    def free_bytes(self) -> int:
        """How much can still be written."""
        return shutil.disk_usage(self.top).free

    def free(self) -> None:
        """There is room again."""
        (self.top / _BALLAST).unlink()

    def set_read_only(self, is_read_only: bool) -> None:
        """As the kernel does with a disk that has failed; raises CalledProcessError while somebody writes."""
        how = "ro" if is_read_only else "rw"
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.top)], check=True, capture_output=True)


@contextmanager
def small_disk(top: Path, size_mb: int) -> Iterator[Disk]:
    """Mount *size_mb* of memory at *top* while the context lasts; needs root, as CI has it."""
    top.mkdir(parents=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=700", "tmpfs", str(top)], check=True, capture_output=True
    )
    try:
        yield Disk(top)
    finally:
        subprocess.run(["umount", "-l", str(top)], check=True, capture_output=True)
        os.rmdir(top)


@dataclass(frozen=True, slots=True)
class FailingDisk:
    """A file system on a device of its own, which the kernel can be made to distrust while files are open."""

    image: Path
    top: Path

    def mount(self) -> None:
        """What is wrong with it is mended first."""
        subprocess.run(["fsck.ext4", "-p", "-f", str(self.image)], check=False, capture_output=True)
        _run("mount", "-o", "loop,errors=remount-ro", str(self.image), str(self.top))

    def unmount(self) -> None:
        """Nobody may have a file open."""
        _run("umount", str(self.top))

    def fail(self) -> None:
        """The kernel has found an error: from now on nothing can be written before it is mounted anew."""
        device = _run("findmnt", "-no", "SOURCE", str(self.top)).strip().rpartition("/")[2]
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("a test")


@contextmanager
def failing_disk(folder: Path, size_mb: int) -> Iterator[FailingDisk]:
    """An ext4 without a journal, mounted while the context lasts; needs root, as CI has it."""
    disk = FailingDisk(folder / "image", folder / "disk")
    disk.top.mkdir(parents=True)
    with open(disk.image, "wb") as file:
        file.truncate(size_mb * 1_000_000)
    _run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", str(disk.image))
    disk.mount()
    try:
        yield disk
    finally:
        _run("umount", "-l", str(disk.top))


def _run(*command: str) -> str:
    """What it says; raises CalledProcessError."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
