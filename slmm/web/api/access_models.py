"""What goes in and comes out of accounts, tokens, share links and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from slmm.web.api.fields import Input, Text, UnitId
from slmm.web.api.models import Ok

AccountRole = Literal["viewer", "operator", "admin"]
Name = Annotated[Text, Field(min_length=1, max_length=64)]
Password = Annotated[Text, Field(min_length=1, max_length=1024)]
Units = Annotated[list[UnitId], Field(min_length=1, max_length=1000)]


def _instant(value: object) -> object:
    """Strict models take no text for a time; JSON has nothing else."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("a time with its zone, such as 2027-01-31T00:00:00Z") from None
    return value


Expiry = Annotated[AwareDatetime, BeforeValidator(_instant), Field(json_schema_extra={"format": "date-time"})]


class LoginInput(Input):
    """Who logs in."""

    name: Name
    password: Password


class SetupInput(LoginInput):
    """The first account; the code stands in the log of the service."""

    code: Name


class NewUser(Input):
    """An account."""

    name: Name
    password: Password
    role: AccountRole = "viewer"


class UserInput(Input):
    """A change of an account: what is left out or null stays."""

    password: Password | None = None
    role: AccountRole | None = None
    is_enabled: bool | None = None


class PasswordInput(Input):
    """A new password for oneself."""

    old_password: Password
    new_password: Password


class NewToken(Input):
    """An API token."""

    name: Name
    role: AccountRole = "viewer"
    units: Units | None = Field(None, description="The only units it is good for; all if left out")
    expires_at: Expiry | None = None


class NewShare(Input):
    """A link for somebody without an account: the levels of these units, and nothing else."""

    name: Name
    units: Units
    expires_at: Expiry | None = None


class NewTicket(Input):
    """A ticket for an event stream or WebSocket."""

    units: Units | None = Field(None, description="The only units it is good for; all the caller sees if left out")


class UserName(BaseModel):
    """One account."""

    name: Name


class UserSession(UserName):
    """One login of an account."""

    session_id: int = Field(ge=1, le=2**31 - 1)


class GrantId(BaseModel):
    """One token, share link or login."""

    grant_id: int = Field(ge=1, le=2**31 - 1)


class Me(Ok):
    """Who asks, as the service sees it."""

    name: str
    how: Literal["open", "session", "token", "share", "none"]
    role: Literal["public", "guest", "viewer", "operator", "admin"]
    units: list[str] | None
    needs_setup: bool = Field(description="A login is asked for, but there is no account yet")


class UserView(BaseModel):
    """An account; of its password nothing."""

    name: str
    role: AccountRole
    is_enabled: bool
    created_at: str
    last_login_at: str | None
    last_seen_at: str | None = Field(description="When one of its present logins was last used, to the minute")
    sessions: int = Field(description="In how many browsers it is logged in")


class UserAnswer(Ok):
    """One account."""

    user: UserView


class UsersAnswer(Ok):
    """All accounts."""

    users: list[UserView]


class TokenView(BaseModel):
    """A token; of its secret only the beginning."""

    id: int
    name: str
    prefix: str
    role: AccountRole
    units: list[str] | None
    created_by: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class TokensAnswer(Ok):
    """All tokens."""

    tokens: list[TokenView]


class NewTokenAnswer(Ok):
    """A token; this is the only time that its secret is shown."""

    token: TokenView
    secret: str


class ShareView(BaseModel):
    """A share link; its address is shown once."""

    id: int
    name: str
    units: list[str]
    created_by: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class SharesAnswer(Ok):
    """All share links."""

    shares: list[ShareView]


class NewShareAnswer(Ok):
    """A share link; this is the only time that its address is shown."""

    share: ShareView
    url: str


class SessionView(BaseModel):
    """A login in a browser."""

    id: int
    created_at: str
    last_used_at: str
    expires_at: str
    address: str
    user_agent: str
    is_this: bool


class SessionsAnswer(Ok):
    """The caller's logins."""

    sessions: list[SessionView]


class TicketAnswer(Ok):
    """A ticket: put it into the address as ``?ticket=``."""

    ticket: str
    expires_at: str


class AuditQuery(BaseModel):
    """Which entries."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, description="Clamped to 1,000")
    before_id: int | None = Field(None, ge=1, le=2**63 - 1)
    who: Name | None = None
    unit_id: UnitId | None = None
    action: Annotated[Text, Field(min_length=1, max_length=200)] | None = None


class AuditView(BaseModel):
    """Who did what, when, from where, and what came of it."""

    id: int
    at: str
    who: str
    how: str
    address: str
    action: str
    unit_id: str | None
    detail: Any
    outcome: str


class AuditAnswer(Ok):
    """Entries, newest first."""

    entries: list[AuditView]
