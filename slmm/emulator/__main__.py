"""``python -m slmm.emulator``; patches gevent before anything else is imported."""

from gevent import monkey

monkey.patch_all()

from slmm.emulator.cli import command  # noqa: E402 - after patching

if __name__ == "__main__":
    command()
