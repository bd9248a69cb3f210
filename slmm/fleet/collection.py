"""Brings files from a card into the download folder with progress, and packs a measurement as one ZIP."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from slmm.errors import DiskTrouble, NotFound
from slmm.fleet.operations import Operation
from slmm.fleet.transfers import CARD_TOP, Transfers
from slmm.nl43.card import InPool
from slmm.nl43.listing import check_path, parse_folder_name
from slmm.storage.downloads import Downloaded, Downloads, FetchedFiles, FolderProgress
from slmm.storage.parcels import Member, write_zip


@dataclass(frozen=True, slots=True)
class FetchedFolder:
    """A folder of a card as it is here now."""

    remote_path: str
    fetched: FetchedFiles
    unusable: tuple[str, ...]
    """What was listed, but cannot be fetched, and why."""
    is_cut: bool
    """The folder holds more than one download takes."""

    @property
    def name(self) -> str:
        """What to call it."""
        return self.remote_path.rpartition("/")[2] or "card"

    @property
    def members(self) -> list[Member]:
        """The files with their places in a ZIP."""
        above = self.remote_path.rpartition("/")[0]
        return [
            Member(file.path, file.remote.path.removeprefix(above).lstrip("/"), file.remote.entry.modified)
            for file in self.fetched.files
        ]


class Collector:
    """Fetches on behalf of an operation."""

    def __init__(self, transfers: Transfers, downloads: Downloads, in_pool: InPool) -> None:
        self._transfers = transfers
        self._downloads = downloads
        self._in_pool = in_pool

    def fetch_file(self, operation: Operation, unit_id: str, remote_path: str) -> Downloaded:
        """One file; raises NotFound, DiskTrouble, or the DeviceError of the last attempt."""
        path = check_path(remote_path)
        operation.step(f"download {path}")
        with self._transfers.card(unit_id, f"a download of {path}") as card, card.one_session():
            remote = card.find(path)
            if remote.entry.is_folder:
                raise NotFound(f"{path} is a folder; download-folder fetches those")
            return self._downloads.fetch(
                card,
                unit_id,
                remote,
                self._transfers.zone(unit_id),
                lambda done: operation.progress(done, remote.entry.size_bytes),
            )

    def fetch_folder(
        self,
        operation: Operation,
        unit_id: str,
        remote_path: str,
        *,
        is_wanted: Callable[[str], bool] | None = None,
        limit_bytes_s: float | None = None,
    ) -> FetchedFolder:
        """Everything below a folder, or what of it is wanted by its path; raises as ``fetch_file``.

        A limit takes the place of that for all transfers.
        """
        path = check_path(remote_path)

        def tell(progress: FolderProgress) -> None:
            operation.progress(progress.bytes_done, progress.bytes_total)

        with self._transfers.card(unit_id, f"a download of {path}") as card, card.one_session():
            card.limit_bytes_s = limit_bytes_s or card.limit_bytes_s
            operation.step(f"list {path}")
            tree = card.walk(path)
            files = [found for found in tree.files if is_wanted is None or is_wanted(found.path)]
            operation.step(f"download {len(files)} files")
            fetched = self._downloads.fetch_files(card, unit_id, files, self._transfers.zone(unit_id), tell)
        unusable = (*(f"{item.text}: {item.reason}" for item in tree.unusable), *(why for _, why in fetched.missing))
        return FetchedFolder(path, fetched, unusable, tree.is_cut)

    def find_measurement(self, unit_id: str, store_name: str) -> str:
        """The path of the folder of an automatic measurement; raises NotFound."""
        with self._transfers.card(unit_id, "a look for the measurement") as card:
            for entry in card.list(CARD_TOP).entries:
                found = parse_folder_name(entry.name)
                if entry.is_folder and found is not None and (found.mode, found.store) == ("Auto", store_name):
                    return f"{CARD_TOP}/{entry.name}"
        raise NotFound(f"there is no folder Auto_{store_name} on the card of {unit_id}")

    def find_begun_at(self, unit_id: str, started_at: datetime, within: timedelta) -> str:
        """The path of the folder of the automatic measurement begun nearest to an instant; raises NotFound."""
        found: list[tuple[timedelta, str]] = []
        with self._transfers.card(unit_id, "a look for the measurement") as card:
            for entry in card.list(CARD_TOP).entries:
                folder = parse_folder_name(entry.name)
                begun_at = self._transfers.instant(unit_id, entry)
                if entry.is_folder and folder is not None and folder.mode == "Auto" and begun_at is not None:
                    found.append((abs(begun_at - started_at), entry.name))
        away, name = min(found, default=(timedelta.max, ""))
        if away > within:
            raise NotFound(f"the card of {unit_id} holds no automatic measurement begun at about {started_at}")
        return f"{CARD_TOP}/{name}"

    def pack(self, operation: Operation, unit_id: str, folder: FetchedFolder, place: str | None) -> Path:
        """The folder as a ZIP beside the files, read again and found whole; raises Invalid, DiskTrouble."""
        operation.step("pack and verify")
        name = place or f"{folder.name}_{datetime.now(UTC):%Y%m%dT%H%M%SZ}.zip"
        target = self._downloads.place(unit_id, f"/{name.removeprefix('./')}")
        members = folder.members
        self._in_pool(write_zip, target, members)
        self._in_pool(_verify, target, members)
        return target


def _verify(path: Path, members: Sequence[Member]) -> None:
    """Raise DiskTrouble, and leave nothing behind, unless the ZIP holds every file at its full length."""
    with zipfile.ZipFile(path) as archive:
        sizes = {item.filename: item.file_size for item in archive.infolist()}
        broken = archive.testzip()
    wanted = {member.name: member.path.stat().st_size for member in members}
    if broken is not None or sizes != wanted:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        raise DiskTrouble(f"{path.name} does not hold what was put into it; the files themselves are kept")
