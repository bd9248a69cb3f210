"""What goes in and comes out of settings templates, drift and what is applied to a meter."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from slmm.web.api.fields import Input, Prose, Text
from slmm.web.api.models import Ok

Values = Annotated[dict[str, Annotated[Text, Field(max_length=40)]], Field(min_length=1, max_length=40)]


class TemplateInput(Input):
    """A set of settings to keep under a name."""

    name: Annotated[Text, Field(min_length=1, max_length=80)]
    note: Annotated[Prose, Field(max_length=500)] = ""
    settings: Values


class ApplyInput(Input):
    """Settings to bring to a meter, by their names as GET …/settings gives them."""

    settings: Values


class SettableView(BaseModel):
    """A setting that a template may hold."""

    member: str
    name: str = Field(description="As the meter calls it")
    choices: list[str] = Field(description="Empty: a number")


class SettingsTemplateView(BaseModel):
    """A named set of settings."""

    id: str
    origin: Literal["shipped", "saved"]
    name: str
    note: str
    settings: dict[str, str]
    made_by: str | None
    made_at: str | None


class SettingsTemplatesAnswer(Ok):
    """Those that come with the program, then those that were kept."""

    templates: list[SettingsTemplateView]
    settable: list[SettableView]


class SettingsTemplateAnswer(Ok):
    """One of them."""

    template: SettingsTemplateView


class AppliedAnswer(Ok):
    """What became of each setting; one that failed does not undo the others."""

    unit_id: str
    changed: dict[str, list[str]] = Field(description="Before and now, as read back")
    unchanged: list[str]
    failed: dict[str, str] = Field(description="Why, by setting")
    steps: list[dict[str, Any]]


class DriftItem(BaseModel):
    """A setting that is not what the fingerprint says."""

    member: str
    name: str = Field(description="As the meter calls it")
    expected: str
    now: str
    since: str | None = Field(description="Start of the first measurement on record that was made with it")
    right_at: str | None = Field(description="Start of the last measurement on record before that was made as expected")


class DriftAnswer(Ok):
    """What is known without asking the meter: from its display labels and its last measurements."""

    unit_id: str
    fingerprint_taken_at: str | None
    expected: dict[str, str] = Field(description="Empty: no fingerprint was taken")
    known: dict[str, str] = Field(description="What the meter said last, as far as it was asked")
    drift: list[DriftItem]
