"""What the interface tells of files fetched from SD cards and of what came of them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from slmm.web.api.models import Ok
from slmm.web.api.record_models import Id, Run


class CardFilesQuery(BaseModel):
    """Which files; newest first."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=1000)
    before_id: Id | None = Field(None, description="Older on record than this one")
    run_id: Id | None = Field(None, description="Of this run only")


class CardTrouble(BaseModel):
    """Something in a file that was not as it should be."""

    line: int = Field(description="Counted from 1; 0 for the file as a whole")
    text: str = Field(description="What stood there, shortened")
    reason: str
    is_left_out: bool = Field(description="Whether a row is not on record for it")


class CardDifferences(BaseModel):
    """Live minus card, by the minute, and what the card filled; over the minutes that were closed by then."""

    count: int = Field(description="Minutes that both have")
    mean_db: float | None = None
    median_db: float | None = None
    max_abs_db: float | None = None
    worst_at: str | None = Field(None, description="End of the minute that differs most")
    minutes_filled: int = Field(description="Minutes of which something had been missing")
    filled_s: float = Field(0.0, description="How much, in s")


class CardFileView(BaseModel):
    """One version of a file as it was fetched."""

    id: int
    run_id: int | None
    store_name: str | None
    kind: str = Field(description="lp, leq, man, header or other")
    remote_path: str
    local_path: str = Field(description="Where the original is kept, below the data directory")
    sha256: str
    size_bytes: int
    fetched_at: str
    is_growing: bool = Field(description="It was still being written")
    rows: int
    merged_rows: int = Field(description="Rows that came on record with this version")
    first_at: str | None
    last_at: str | None
    clock_offset_s: float | None = Field(description="By how much the meter's clock was taken to be ahead")
    differences: CardDifferences | None
    troubles: list[CardTrouble]


class CardFilesAnswer(Ok):
    """Files, newest first."""

    unit_id: str
    count: int
    files: list[CardFileView]


class RunCardAnswer(Ok):
    """What became of the files of a run."""

    run: Run
    rows: int = Field(description="In the newest version of each file")
    merged_rows: int = Field(description="On record")
    differences: CardDifferences = Field(description="By the Lp rows where there are any, else by the Leq intervals")
    files: list[CardFileView]


class CardFetched(Ok):
    """What a fetch has brought into the record."""

    unit_id: str
    folder: str
    files: int
    rows: int
    new_rows: int
    left_out: int
    minutes: int = Field(description="Made anew")
    minutes_filled: int
    troubles: list[str]
    unusable: list[str] = Field(description="What could not be fetched, and why")


def differences_of(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Those of several files as one: means by their counts, the greatest of the greatest; of medians none is made."""
    counted = [each for each in found if each["count"]]
    count = sum(each["count"] for each in counted)
    worst = max(counted, key=lambda each: each["max_abs_db"], default=None)
    return {
        "count": count,
        "mean_db": round(sum(each["mean_db"] * each["count"] for each in counted) / count, 2) if count else None,
        "median_db": counted[0]["median_db"] if len(counted) == 1 else None,
        "max_abs_db": worst["max_abs_db"] if worst else None,
        "worst_at": worst["worst_at"] if worst else None,
        "minutes_filled": sum(each["minutes_filled"] for each in found),
        "filled_s": round(sum(each.get("filled_s", 0.0) for each in found), 1),
    }
