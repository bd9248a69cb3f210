"""The chain over all that is stored: its head, and holding what is stored against it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from slmm.record.chain.verification import Report
from slmm.times import timestamp, timestamp_or_none
from slmm.web import context
from slmm.web.api.fields import Input, Text
from slmm.web.api.models import Ok
from slmm.web.openapi import ON_RECORD, Api

api = Api("evidence", "Whether what is stored is as it was stored", group=ON_RECORD)

Link = Field(description="SHA-256 as 64 hexadecimal digits")


class LastCheck(BaseModel):
    """How the last complete verification by this service ended."""

    at: str
    verdict: Literal["unchanged", "changed", "unchecked"]
    head: str = Link
    files: int
    hours: int | None
    findings: int


class EvidenceAnswer(Ok):
    """The chain as it stands; note head and link elsewhere, for that is what proves that nothing was cut off."""

    head: str | None = Field(description="Hash of the last link; null before anything was sealed")
    head_link: int
    head_at: str | None
    links: int
    kinds: dict[str, int] = Field(description="How many links of each kind: levels, card, minutes, gone, altered")
    trouble: str | None = Field(description="Why nothing can be sealed at present")
    last_check: LastCheck | None


class VerifyInput(Input):
    """What to look at."""

    heads: list[Text] = Field(default=[], max_length=100, description="Hashes noted earlier, which have to be links")
    files: bool = Field(True, description="Every sealed file too, which takes as long as reading all of them")
    every_hour: bool = Field(False, description="The minutes of hours that are in sealed files too")


class FindingView(BaseModel):
    """One thing that is not as it was sealed."""

    what: Literal["link", "head", "file", "missing", "unsealed", "minutes"]
    subject: str
    text: str
    link: int | None
    sealed_at: str | None
    offset: int | None = Field(description="The first byte that changed, or where the block begins that holds it")
    until: int | None = Field(description="offset + 1 when it is that very byte, else the end of the block")
    byte_was: int | None
    byte_is: int | None


class VerifyAnswer(Ok):
    """What came of it."""

    verdict: Literal["unchanged", "changed", "unchecked"]
    checked_at: str
    head: str = Link
    head_link: int
    links: int
    files: int
    size_bytes: int
    hours: int | None
    findings: list[FindingView]
    unchecked: list[str]


def _last(report: Report | None) -> dict[str, Any] | None:
    if report is None:
        return None
    return {
        "at": timestamp(report.checked_at),
        "verdict": str(report.verdict),
        "head": report.head,
        "files": report.files,
        "hours": report.hours,
        "findings": len(report.findings),
    }


@api.route_for("get", "/_evidence", needs="viewer", answer=EvidenceAnswer, problems=())
def evidence() -> dict[str, Any]:
    """The head of the chain of evidence, how much is sealed, and the last check."""
    keeper = context.runtime().evidence
    head, kinds = keeper.chain.head(), keeper.chain.counts()
    return {
        "status": "ok",
        "head": head.link if head else None,
        "head_link": head.number if head else 0,
        "head_at": timestamp_or_none(head.at if head else None),
        "links": sum(kinds.values()),
        "kinds": kinds,
        "trouble": keeper.last_error,
        "last_check": _last(keeper.last_report),
    }


@api.route_for("post", "/_evidence/verify", needs="operator", answer=VerifyAnswer, problems=(422, 500))
def verify(body: VerifyInput) -> dict[str, Any]:
    """Hold what is stored against the chain, and name what changed."""
    report = context.runtime().evidence.verify(body.heads, with_files=body.files, every_hour=body.every_hour)
    return {"status": "ok", **report.as_json()}
