"""Who may do what: every view declares the least role it needs."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


class Role(StrEnum):
    """Least role, from the least to the most powerful."""

    PUBLIC = "public"
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


def role(name: str) -> Callable[[View], View]:
    """Declare the least role a view needs; raises ValueError for a role that does not exist."""
    needed = Role(name)

    def declare(view: View) -> View:
        view.needed_role = needed  # type: ignore[attr-defined]
        return view

    return declare


def needed_role(view: Callable[..., Any]) -> Role | None:
    """The role a view declared, looking through decorators; None if it declared none."""
    at: Any = view
    while at is not None:
        if (found := getattr(at, "needed_role", None)) is not None:
            return Role(found)
        at = getattr(at, "__wrapped__", None)
    return None
