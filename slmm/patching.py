"""gevent's patches of the standard library but for one: a folder that a thread closes is to be closed."""

import os

from gevent import monkey


def close_at_once() -> None:
    """Put the operating system's own ``os.close`` back.

    gevent's (since 25.8.1) puts off closing whatever is no regular file until the loop of the calling thread runs,
    against a close while somebody waits for that very descriptor. A thread of a pool has a loop as soon as it has
    waited for a lock or slept, and runs it only meanwhile: every folder that ``shutil.rmtree`` goes through would
    stay open.
    """
    os.close = monkey.get_original("os", "close")
