"""Secrets at rest: what must be read again (FTP passwords) is encrypted with a key in a file of its own.

Fernet (AES-128-CBC with HMAC-SHA256) by the cryptography package. The first line of the file is the key in use,
further lines are older ones that still open what they sealed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from slmm.errors import Invalid

PREFIX = "fernet:"
KEY_FILE = "secret.key"
"""Its name in the data directory."""


class SecretBox:
    """Seals and opens; what was stored in clear before there was a key is taken as it is."""

    def __init__(self, keys: list[str], name: str = "the key file") -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except (ValueError, TypeError):
            raise Invalid(f"{name} holds no usable key: 32 bytes in URL-safe base64, one key a line") from None
        self._first = keys[0].encode()
        self._name = name

    @classmethod
    def open(cls, key_file: Path) -> SecretBox:
        """The box of that key file, which is made when there is none; blocks: for the pool.

        Raises Invalid for a file that others may read, or that holds no key.
        """
        try:
            _make(key_file)
        except FileExistsError:
            mode = key_file.stat().st_mode & 0o777
            if mode & 0o077:
                raise Invalid(
                    f"{key_file} may be read by others (mode {mode:04o}); run: chmod 600 {key_file}", "data_dir"
                ) from None
        lines = (line.strip() for line in key_file.read_text(encoding="ascii", errors="replace").splitlines())
        keys = [line for line in lines if line and not line.startswith("#")]
        if not keys:
            raise Invalid(f"{key_file} is empty; restore it from a backup, or remove it and give all passwords again")
        return cls(keys, str(key_file))

    def seal(self, text: str) -> str:
        """Encrypted, with a mark of how."""
        return PREFIX + self._fernet.encrypt(text.encode()).decode("ascii")

    @staticmethod
    def is_sealed(stored: str) -> bool:
        """Whether this was made by ``seal``."""
        return stored.startswith(PREFIX)

    def unseal(self, stored: str) -> str:
        """The text; raises Invalid when none of the keys fits."""
        if not self.is_sealed(stored):
            return stored
        try:
            return self._fernet.decrypt(stored.removeprefix(PREFIX).encode()).decode()
        except InvalidToken:
            raise Invalid(f"no key in {self._name} opens it; was the file replaced?") from None

    def derived_key(self, purpose: str) -> bytes:
        """A key for something else than sealing; another key file makes another."""
        return hmac.new(self._first, purpose.encode(), hashlib.sha256).digest()


def _make(key_file: Path) -> None:
    key_file.parent.mkdir(parents=True, exist_ok=True)
    opened = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w", encoding="ascii") as file:
        file.write("# Opens the secrets in the database: keep a copy apart from the database's backups.\n")
        file.write(Fernet.generate_key().decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
