"""Shared fixtures; patches gevent before anything else is imported, as the service itself does."""

from gevent import monkey

monkey.patch_all()
