"""What goes in and comes out of trying meters, of roster files, and of databases of 0.4.0."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from slmm.web.api.fields import Host, Input, Port, Text, Zone
from slmm.web.api.models import Ok

MOST_LETTERS = 500_000


class ProbeInput(Input):
    """Where a meter may be, and what its FTP takes."""

    host: Host
    tcp_port: Port = 2255
    ftp_port: Port = 21
    ftp_username: Annotated[Text, Field(max_length=128)] | None = Field(None, description="That of the factory if null")
    ftp_password: Annotated[Text, Field(max_length=128)] | None = Field(None, description="That of the factory if null")
    timezone: Zone | None = Field(None, description="The IANA zone its clock should show; else that of the service")


class RosterFile(Input):
    """A roster as text."""

    text: Annotated[str, Field(min_length=1, max_length=MOST_LETTERS, description="CSV, with a line of column names")]


class ImportQuery(BaseModel):
    """Whether anything is to be done."""

    dry_run: bool = Field(False, description="Say what would be done, and do nothing")


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class MemberChange(BaseModel):
    """What becomes of one member; empty for nothing."""

    field: str
    before: str
    after: str


class ImportedLine(BaseModel):
    """One line of a roster file and what becomes of it."""

    line: int = Field(description="The number of the line in the file")
    unit_id: str
    verdict: Literal["new", "changed", "same", "refused"]
    changes: list[MemberChange] = Field(description="What is another than now, or what a new unit begins with")
    problems: list[FieldProblem]


class ImportAnswer(Ok):
    """A roster file line by line; what was refused was left out, the rest was done unless it was a dry run."""

    dry_run: bool
    added: int
    changed: int
    same: int
    refused: int
    lines: list[ImportedLine]


class TakenKind(BaseModel):
    """What became of one table of 0.4.0."""

    name: str
    taken: int
    present: int = Field(description="Was here already, and stays as it is")
    skipped: list[str] = Field(description="What could not be taken, and why")
    changed: list[str] = Field(description="What was taken with a change, and which")


class TakeoverQuery(ImportQuery):
    """How the database of 0.4.0 is taken over."""

    replace: bool = Field(False, description="Overwrite configuration and state of units that are here already")


class TakeoverAnswer(Ok):
    """What was taken over from a database of 0.4.0, table by table."""

    dry_run: bool
    tables: list[TakenKind]
