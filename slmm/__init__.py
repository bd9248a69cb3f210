"""SLMM: the sound level meter manager."""

__version__ = "0.5.0"
