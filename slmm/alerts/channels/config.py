"""How a channel is configured: strict members, of which some are secrets that go in but never come out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from slmm.errors import Invalid

SECRET = Field(repr=False, json_schema_extra={"writeOnly": True})
"""Marks a member as secret: ``password: Annotated[str | None, SECRET] = None``."""


class ChannelConfig(BaseModel):
    """Base of the configurations; one class per kind of channel."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: ClassVar[str]

    @classmethod
    def secrets(cls) -> frozenset[str]:
        """The names of the members that are never shown."""
        return frozenset(name for name, field in cls.model_fields.items() if _is_secret(field.json_schema_extra))


def _is_secret(extra: object) -> bool:
    return isinstance(extra, dict) and extra.get("writeOnly") is True


def checked(model: type[ChannelConfig], given: Mapping[str, Any]) -> ChannelConfig:
    """A configuration of these members; raises Invalid naming the first that cannot be used."""
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise _as_invalid(model, error.errors(include_url=False)[0]) from None


def public_view(config: ChannelConfig) -> dict[str, Any]:
    """All members, with ``<name>_set`` in place of each secret."""
    view = config.model_dump(mode="json", exclude=set(config.secrets()))
    return view | {f"{name}_set": bool(getattr(config, name)) for name in sorted(config.secrets())}


def overlaid(model: type[ChannelConfig], stored: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored, changed by what is given, and checked.

    An omitted member stays, an empty secret stays too, null goes back to the default.
    What ``public_view`` adds is ignored, so that a client may send back what it got.
    """
    secrets = model.secrets()
    members = {name: value for name, value in (stored or {}).items() if name in model.model_fields}
    for name, value in given.items():
        if name.removesuffix("_set") in secrets and name.endswith("_set"):
            continue
        if value is None:
            members.pop(name, None)
        elif name not in secrets or value:
            members[name] = value
    return checked(model, members).model_dump(mode="json")


def _as_invalid(model: type[ChannelConfig], error: ErrorDetails) -> Invalid:
    name = str(error["loc"][0]) if error["loc"] else ""
    reason = error["msg"].removeprefix("Value error, ")
    reason = reason.removeprefix("Input should be ")
    if error["type"] == "missing":
        return Invalid(f"{name} is missing", name)
    if error["type"] == "extra_forbidden":
        allowed = ", ".join(model.model_fields)
        return Invalid(f"{name!r} is no member of a channel of kind {model.kind!r}: {allowed}", name)
    if not name:
        return Invalid(reason)
    if name in model.secrets():
        return Invalid(f"{name} is not allowed: {reason}", name)
    return Invalid(f"{name}={_shown(error['input'])} is not allowed: {reason}", name)


def _shown(value: object) -> str:
    """The value for people, without the password that a URL may carry."""
    return re.sub(r"//[^/@\s]*@", "//…@", repr(value))
