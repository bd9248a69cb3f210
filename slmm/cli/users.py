"""``slmm user`` and ``slmm token``: who may come in; works on the database, also while the service runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from slmm import settings as settings_module
from slmm.cli import store
from slmm.cli.output import json_option, say, show_json, show_table
from slmm.storage.accounts import ROLES, Accounts, User
from slmm.storage.audit import AuditLog
from slmm.storage.database import Database
from slmm.storage.grants import Token, Tokens

Role = click.Choice(ROLES)


@contextmanager
def opened() -> Iterator[Database]:
    """The database of the settings, migrated if nobody has yet."""
    with store.opened(settings_module.load()) as database:
        yield database


def _note(database: Database, action: str, detail: dict[str, Any]) -> None:
    AuditLog(database).write(who="console", how="cli", address="", action=action, detail=detail, outcome="done")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _user_view(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "is_enabled": user.is_enabled,
        "last_login_at": _text(user.last_login_at),
    }


def _text(at: datetime | None) -> str | None:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None


def _tell(user: User, as_json: bool, sentence: str) -> None:
    show_json(_user_view(user)) if as_json else say(sentence)


stdin_option = click.option("--password-stdin", "from_stdin", is_flag=True, help="Read it from standard input.")


@click.group("user")
def user_group() -> None:
    """Accounts."""


@user_group.command("list")
@json_option
def list_users(as_json: bool) -> None:
    """Everybody who may log in."""
    with opened() as database:
        users = [_user_view(user) for user in Accounts(database).all()]
    if as_json:
        show_json(users)
        return
    rows = [
        (user["name"], user["role"], "yes" if user["is_enabled"] else "no", user["last_login_at"]) for user in users
    ]
    show_table(("name", "role", "enabled", "last login"), rows, "no accounts yet; make one with: slmm user add NAME")


@user_group.command("add")
@click.argument("name")
@click.option("--role", type=Role, default="viewer", show_default=True)
@stdin_option
@json_option
def add_user(name: str, role: str, from_stdin: bool, as_json: bool) -> None:
    """Let somebody in; asks for the password."""
    password = _password(from_stdin)
    with opened() as database:
        user = Accounts(database).create(name, password, role)
        _note(database, "user add", {"name": name, "role": role})
    _tell(user, as_json, f"{user.name} may come in as {user.role}")


@user_group.command("remove")
@click.argument("name")
@json_option
def remove_user(name: str, as_json: bool) -> None:
    """Remove an account and end its logins."""
    with opened() as database:
        accounts = Accounts(database)
        user = accounts.get(name)
        accounts.remove(name)
        _note(database, "user remove", {"name": name})
    _tell(user, as_json, f"{user.name} is removed")


@user_group.command("passwd")
@click.argument("name")
@stdin_option
@json_option
def change_password(name: str, from_stdin: bool, as_json: bool) -> None:
    """Set a new password, and end the account's logins."""
    password = _password(from_stdin)
    with opened() as database:
        user = Accounts(database).change(name, password=password)
        _note(database, "user passwd", {"name": name})
    _tell(user, as_json, f"{user.name} has a new password")


@user_group.command("role")
@click.argument("name")
@click.argument("role", type=Role)
@json_option
def change_role(name: str, role: str, as_json: bool) -> None:
    """Change what somebody may do."""
    with opened() as database:
        user = Accounts(database).change(name, role=role)
        _note(database, "user role", {"name": name, "role": role})
    _tell(user, as_json, f"{user.name} is {user.role} now")


@click.group("token")
def token_group() -> None:
    """API tokens."""


def _token_view(token: Token) -> dict[str, Any]:
    return {
        "id": token.token_id,
        "name": token.name,
        "prefix": token.prefix,
        "role": token.role,
        "units": None if token.units is None else list(token.units),
        "expires_at": _text(token.expires_at),
        "last_used_at": _text(token.last_used_at),
        "revoked_at": _text(token.revoked_at),
    }


@token_group.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """All tokens, revoked ones too; their secrets are not kept."""
    with opened() as database:
        tokens = [_token_view(token) for token in Tokens(database).all()]
    if as_json:
        show_json(tokens)
        return
    rows = [
        (token["id"], token["name"], token["prefix"] + "…", token["role"], ", ".join(token["units"] or ["all"]),
         token["expires_at"] or "never", token["last_used_at"], "revoked" if token["revoked_at"] else "valid")
        for token in tokens
    ]  # fmt: skip
    columns = ("id", "name", "begins", "role", "units", "expires", "last used", "state")
    show_table(columns, rows, "no tokens yet; make one with: slmm token create NAME")


@token_group.command("create")
@click.argument("name")
@click.option("--role", type=Role, default="viewer", show_default=True)
@click.option("--unit", "units", multiple=True, help="Good for this unit only; may be repeated.")
@click.option("--days", type=click.IntRange(1, 36_500), help="Expires after so many days; else never.")
@json_option
def create_token(name: str, role: str, units: tuple[str, ...], days: int | None, as_json: bool) -> None:
    """Make a token; prints its secret, which is shown this once."""
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with opened() as database:
        token, secret = Tokens(database).create(name, role, units or None, expires_at, "console")
        _note(database, "token create", {"name": name, "role": role, "units": list(units) or None})
    if as_json:
        show_json({**_token_view(token), "secret": secret})
    else:
        click.echo(secret)
        say(f"token {token.token_id} {name!r}, {role}; it is not shown again", err=True)


@token_group.command("revoke")
@click.argument("token_id", type=int)
@json_option
def revoke_token(token_id: int, as_json: bool) -> None:
    """Make a token good for nothing; streams opened with it end within seconds."""
    with opened() as database:
        Tokens(database).revoke(token_id)
        _note(database, "token revoke", {"token_id": token_id})
    show_json({"id": token_id, "revoked": True}) if as_json else click.echo(f"token {token_id} is revoked")
