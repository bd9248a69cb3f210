"""What goes in and comes out of the SD card and of measurement cycles; member names are those of 0.4.0."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from slmm.errors import Invalid
from slmm.nl43.listing import check_path
from slmm.web.api.fields import Input, Text
from slmm.web.api.meter_models import OperationStep
from slmm.web.api.models import Ok


def _card_path(value: str) -> str:
    try:
        return check_path(value)
    except Invalid as error:
        raise ValueError(str(error)) from None


CardPath = Annotated[
    str, Field(max_length=255), AfterValidator(_card_path), Field(description="From the top of the card, as /NL-43")
]


def _zip_path(value: str) -> str:
    return _card_path(f"/{value.lstrip('/')}").lstrip("/")


ZipPath = Annotated[Text, Field(min_length=1, max_length=255), AfterValidator(_zip_path)]


class FilesQuery(BaseModel):
    """Which folder."""

    model_config = ConfigDict(extra="forbid")

    path: CardPath = "/"


class DownloadInput(Input):
    """What to fetch."""

    remote_path: CardPath


class CardFile(BaseModel):
    """A file or folder on the card."""

    name: str
    path: str
    size: int = Field(description="Bytes")
    modified: str | None = Field(description="As the meter's own clock shows it")
    modified_timestamp: str | None = Field(description="The same as an instant, by zone and offset of that clock")
    is_dir: bool


class Unlisted(BaseModel):
    """Something on the card that cannot be used."""

    text: str
    reason: str


class FilesAnswer(Ok):
    """What a folder holds."""

    path: str
    files: list[CardFile]
    count: int
    unusable: list[Unlisted]


class FtpStatusAnswer(Ok):
    """Whether the meter's FTP server is on."""

    ftp_enabled: bool
    ftp_status: str


class LatestAnswer(Ok):
    """The folder of the measurement begun last; null when the card holds none."""

    latest_folder: str | None
    latest_timestamp: str | None


class SyncedAnswer(Ok):
    """The start of the running measurement, taken from the card."""

    folder: str
    start_time: str
    old_start_time: str | None


class StartCycleInput(Input):
    """How a cycle is begun."""

    sync_clock: bool = True


class StopCycleInput(Input):
    """How a cycle is ended."""

    download: bool = True
    download_path: ZipPath | None = Field(None, description="Where the ZIP is put, below the unit's download folder")


class CycleSteps(BaseModel):
    """What was done, in order."""

    steps: list[OperationStep]


class StartCycleAnswer(Ok, CycleSteps):
    """How a cycle was begun."""

    unit_id: str
    clock_synced: bool
    server_time: str | None
    old_index: int
    new_index: int
    attempts_made: int
    started: bool


class StopCycleAnswer(Ok, CycleSteps):
    """How a cycle was ended; a download that failed does not undo the stop."""

    unit_id: str
    stopped: bool
    ftp_enabled: bool
    download_attempted: bool
    download_success: bool
    downloaded_folder: str | None
    local_path: str | None
    download_error: str | None = None
