"""Who may do what: every view declares the least role it needs, and every request has a caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, cast

from flask import g

View = TypeVar("View", bound=Callable[..., Any])


class Role(StrEnum):
    """Least role, from the least to the most powerful."""

    PUBLIC = "public"
    GUEST = "guest"
    """Somebody with a share link: the levels of chosen units, and nothing else."""
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Higher may do more."""
        return list(Role).index(self)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, how that is known, and what they may see."""

    how: str
    """``open`` (no login is asked for), ``session``, ``token``, ``share``, or ``none``."""
    name: str
    role: Role
    key: str = ""
    """``session:7``, ``token:3`` or ``share:2``: what ends an open stream when it is revoked."""
    units: frozenset[str] | None = None
    """The only units they may see; None for all."""

    def sees(self, unit_id: str) -> bool:
        """Whether a unit exists for this caller."""
        return self.units is None or unit_id in self.units


NOBODY = Caller("none", "nobody", Role.PUBLIC)
ANYBODY = Caller("open", "anybody", Role.ADMIN)


def caller() -> Caller:
    """Who has sent the present request."""
    return cast(Caller, g.get("caller", NOBODY))


def visible(units: Iterable[str]) -> list[str]:
    """Those of *units* that the caller may see."""
    asking = caller()
    return [unit_id for unit_id in units if asking.sees(unit_id)]


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
