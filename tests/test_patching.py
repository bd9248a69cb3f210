"""What a thread of a pool closes is closed, also when the thread has a loop that does not run."""

import os
import shutil
from pathlib import Path

import gevent
from gevent._hub_local import get_hub_if_exists
from gevent.threadpool import ThreadPool


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_folders_removed_in_a_thread_that_has_waited_are_not_left_open(tmp_path: Path) -> None:
    pool = ThreadPool(1)

    def removed() -> tuple[bool, int]:
        gevent.sleep(0.001)  # as when a lock is waited for
        before = open_files()
        for number in range(20):
            (tmp_path / f"{number}" / "below").mkdir(parents=True)
            shutil.rmtree(tmp_path / f"{number}")
        return get_hub_if_exists() is not None, open_files() - before

    try:
        assert pool.spawn(removed).get() == (True, 0)
    finally:
        pool.kill()
