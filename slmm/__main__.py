"""``python -m slmm`` and the ``slmm`` command; patches gevent before anything else is imported."""

from gevent import monkey

monkey.patch_all()

from slmm.cli import main  # noqa: E402 - after patching
from slmm.patching import close_at_once  # noqa: E402

close_at_once()

if __name__ == "__main__":
    main()
