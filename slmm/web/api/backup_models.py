"""What goes in and comes out of backups and restores."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from slmm.web.api.fields import Input, Text
from slmm.web.api.meter_models import OperationView
from slmm.web.api.models import Ok

Part = Literal["slmm.db", "secret.key", "record", "downloads"]
BackupName = Annotated[Text, Field(min_length=5, max_length=124)]


class BackupPath(BaseModel):
    """One backup."""

    name: BackupName


class BackupInput(Input):
    """What goes into a new backup besides database and key."""

    with_record: bool = Field(True, description="What was measured")
    with_downloads: bool = Field(False, description="The files fetched from the meters' cards")


class RestoreInput(Input):
    """Which backup is to be put in place."""

    name: BackupName


class ProofView(BaseModel):
    """What came of restoring a backup to a place of its own."""

    at: str
    took_s: float
    rows: int | None = Field(description="Rows of its database")
    readings: int | None = Field(description="Readings of its record that are not in files; null without a record")
    files: int | None = Field(description="Files of past days in it")
    error: str | None = Field(description="Why it cannot be restored; null when it can")


class BackupView(BaseModel):
    """One backup; times in UTC."""

    model_config = ConfigDict(extra="forbid")

    name: str
    kind: Literal["backup", "migration"] = Field(description="migration: the database alone, before its tables changed")
    size_bytes: int
    made_at: str
    age_s: float
    version: str | None
    schema_: str | None = Field(alias="schema")
    parts: list[str] = Field(description="What of the data directory is in it")
    missing: list[str] = Field(description="Files of the record that were not there when it was made")
    trouble: str | None = Field(description="Why it cannot be used")
    can_be_restored: bool
    is_scheduled: bool = Field(description="Made by itself; it goes by itself, too")
    proof: ProofView | None = Field(description="Null when nobody has tried to restore it")


class ScheduleView(BaseModel):
    """How backups are made by themselves, and what came of the last; times in UTC."""

    model_config = ConfigDict(extra="forbid")

    at: str = Field(description="Time of day, such as 03:10")
    timezone: str
    keep: int = Field(description="How many are kept")
    record_days: int = Field(description="Every how many days what was measured is in it; 0 for never")
    to: str | None = Field(description="The folder to which each is copied")
    next_at: str | None
    tried_at: str | None
    name: str | None = Field(description="The last that was made and restored")
    succeeded_at: str | None
    error: str | None = Field(description="Why there is none of the last time it was due")
    record_at: str | None = Field(description="When what was measured was last in one")
    record_note: str | None = Field(description="Why it was not, though it should have been")
    copied_at: str | None
    copy_error: str | None = Field(description="Why the last is not in the second place")


class PendingView(BaseModel):
    """A backup that is put in place when the service starts next."""

    name: str
    made_at: str
    version: str
    schema_: str | None = Field(alias="schema")
    parts: list[str]
    staged_at: str
    staged_by: str
    aside: str = Field(description="The folder in the data directory where what is there now goes")


class RestoredView(BaseModel):
    """What was put in place at an earlier start."""

    name: str
    at: str
    aside: str
    error: str | None


class BackupsAnswer(Ok):
    """All backups, the newest first, and what goes on with them."""

    folder: str
    backups: list[BackupView]
    operation: OperationView | None = Field(description="What runs, or ran last")
    pending: PendingView | None
    restored: RestoredView | None
    schedule: ScheduleView | None = Field(description="Null when none are made by themselves")
    refusal: str | None = Field(description="Why this service cannot back up or restore its database itself")
    needed_bytes: int = Field(description="What a backup takes at most, without downloads")
    downloads_bytes: int
    free_bytes: int


class BackupAnswer(Ok):
    """One backup that was brought here, read to its end and found whole."""

    name: str
    made_at: str
    version: str
    members: int
    record: dict[str, Any] | None


class BackupOperationAnswer(Ok):
    """It has begun; ``GET /_system/backups`` tells how far it is."""

    operation: OperationView
