"""``slmm files``: what is on a meter's SD card, and how to get it."""

from __future__ import annotations

import os
from pathlib import Path
from zipfile import is_zipfile

import click
import requests
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from slmm.cli.client import Service, ServiceError, service_options, unit_argument
from slmm.cli.output import console, say, show_json, show_table
from slmm.errors import Conflict
from slmm.storage.downloads import local_name

DOWNLOAD_WITHIN_S = 4 * 3600.0
PIECE_BYTES = 65_536


@click.group("files")
def files_group() -> None:
    """Files on a meter's SD card."""


@files_group.command("list")
@unit_argument
@click.argument("path", default="/")
@service_options
def list_files(unit: str, path: str, service: Service, as_json: bool) -> None:
    """What a folder of the card holds."""
    found = service.call("GET", f"/{unit}/ftp/files", params={"path": path})
    if as_json:
        show_json(found)
        return
    rows = [
        (file["name"] + ("/" if file["is_dir"] else ""), "" if file["is_dir"] else file["size"], file["modified"])
        for file in found.rows("files")
    ]
    show_table(("name", "bytes", "modified (meter's clock)"), rows, f"{path} is empty")
    for item in found.rows("unusable"):
        say(f"cannot be used: {item['text']} ({item['reason']})", err=True)


@files_group.command("get")
@unit_argument
@click.argument("remote_path")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to; else the remote name, here.")
@click.option("--folder", is_flag=True, help="REMOTE_PATH is a folder: fetch all below it as a ZIP.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@service_options
def get_file(
    unit: str, remote_path: str, output: Path | None, folder: bool, force: bool, service: Service, as_json: bool
) -> None:
    """Fetch a file or a folder; the file has its name only when all of it is here."""
    name = local_name(remote_path.rstrip("/").rpartition("/")[2] or "card")
    target = output or Path(f"{name}.zip" if folder else name)
    if target.exists() and not force:
        raise Conflict(f"{target} exists already; choose another name with -o, or overwrite it with --force")
    path = f"/{unit}/ftp/download-folder" if folder else f"/{unit}/ftp/download"
    part = target.with_name(f".{target.name}.part")
    shown = console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    try:
        with (
            Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress,
            service.open("POST", path, within_s=DOWNLOAD_WITHIN_S, json={"remote_path": remote_path}) as answer,
            part.open("wb") as file,
        ):
            length = _length(service, answer)
            task = progress.add_task(target.name, total=length)
            for piece in answer.iter_content(PIECE_BYTES):
                file.write(piece)
                progress.update(task, advance=len(piece))
            file.flush()
            os.fsync(file.fileno())
        size = part.stat().st_size
        if (length is not None and size != length) or (folder and not is_zipfile(part)):
            raise ServiceError(f"{size} bytes came, and they are not all; try again")
        part.replace(target)
    except requests.RequestException as error:
        raise ServiceError(f"{service.url} broke off in the middle of {target}; try again") from error
    except OSError as error:
        raise ServiceError(f"{target} could not be fetched: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    show_json({"path": str(target), "size": size}) if as_json else say(f"{target}  {size} bytes")


def _length(service: Service, answer: requests.Response) -> int | None:
    """How many bytes will come, if it is told; raises ServiceError for what is no file of ours."""
    length = answer.headers.get("Content-Length")
    if "attachment" not in answer.headers.get("Content-Disposition", "") or not (length or "0").isdecimal():
        raise ServiceError(f"what answers at {service.url} is no SLMM")
    return int(length) if length else None
