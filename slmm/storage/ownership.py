"""One process owns the meters of a data directory; the kernel frees the lock if it dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from slmm.errors import Conflict, DiskTrouble

LOCK = "runtime.lock"


class Ownership:
    """The lock of one data directory, and whether the last owner let go of it as it should."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock: IO[str] | None = None
        self.was_cut_off = True
        """Whether the owner before ended without stopping: killed, or by a power cut. Known when it is taken."""

    def take(self) -> None:
        """Raises Conflict while another process has it, DiskTrouble when the directory cannot be written."""
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = open(self._data_dir / LOCK, "a+", encoding="ascii")  # noqa: SIM115 - held open until it is released
        except OSError as error:
            raise DiskTrouble(f"{self._data_dir} cannot be written: {error.strerror or error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise Conflict(f"another SLMM (process {holder}) already reads the meters of {self._data_dir}") from error
        lock.seek(0)
        self.was_cut_off = bool(lock.read())  # who stops as it should leaves it empty
        lock.truncate(0)
        with suppress(OSError):  # a full disk: the number is for people, the lock is the kernel's
            lock.write(str(os.getpid()))
            lock.flush()
        self._lock = lock

    def holds(self) -> bool:
        """Whether the lock is ours and is still that of the data directory; asks the disk."""
        try:
            return self._lock is not None and os.path.samestat(
                os.fstat(self._lock.fileno()), os.stat(self._data_dir / LOCK)
            )
        except (OSError, ValueError):
            return False

    def release(self) -> None:
        """Let go, as the last thing of a stop that went well."""
        if self._lock is None:
            return
        with suppress(OSError):
            self._lock.truncate(0)
        with suppress(OSError):
            self._lock.close()
        self._lock = None
