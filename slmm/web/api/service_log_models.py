"""What goes in and comes out of the log of the whole service."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from slmm.web.api.fields import Text, UnitId
from slmm.web.api.models import Ok
from slmm.web.api.record_models import Instant

Number = Annotated[int, Field(ge=0, le=2**53)]


class AllLogsQuery(BaseModel):
    """Which entries."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    source: Literal["all", "units", "service"] = "all"
    unit: UnitId | None = None
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = Field(
        None, description="This level and those above it"
    )
    category: Literal["TCP", "FTP", "POLL", "COMMAND", "STATE", "SYNC", "ALERT", "SERVICE"] | None = None
    text: Annotated[Text, Field(max_length=200)] | None = Field(None, description="What the message holds, in any case")
    from_at: Instant | None = Field(None, alias="from")
    until_at: Instant | None = Field(None, alias="until")
    before_id: Number | None = None
    before_line: Number | None = None
    after_id: Number | None = None
    after_line: Number | None = None
    limit: int = Field(200, ge=1, le=1000)


class AnyLogEntry(BaseModel):
    """One entry of a meter's log, or one line of the service itself."""

    id: int
    line: int | None = Field(description="The number of a line of the service; null for a meter's entry")
    unit_id: str | None
    timestamp: str
    level: str
    category: str
    message: str


class Before(BaseModel):
    """Where older entries begin."""

    before_id: int | None
    before_line: int | None


class After(BaseModel):
    """Where newer entries begin."""

    after_id: int
    after_line: int


class AllLogsAnswer(Ok):
    """Entries, newest first."""

    logs: list[AnyLogEntry]
    count: int
    next: Before | None = Field(description="Null when there are no older ones")
    newest: After
