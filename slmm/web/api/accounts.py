"""Accounts: log in and out, the first one, and those who may come."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Response, jsonify, make_response, request

from slmm.errors import Conflict, NotAllowed, NotFound, NotIdentified
from slmm.storage.accounts import User
from slmm.storage.sessions import Session
from slmm.times import timestamp
from slmm.web import context
from slmm.web.access import caller
from slmm.web.api.access_models import (
    GrantId,
    LoginInput,
    Me,
    NewUser,
    PasswordInput,
    SessionsAnswer,
    SetupInput,
    UserAnswer,
    UserInput,
    UserName,
    UsersAnswer,
    UserSession,
)
from slmm.web.api.models import Ok
from slmm.web.audit import note
from slmm.web.gate import SESSION_COOKIE, SHARE_COOKIE
from slmm.web.limits import limited
from slmm.web.openapi import PLAIN_PROBLEMS, Api

api = Api("accounts", "Accounts and logins")

USER_AGENT_CHARACTERS = 200


def user_view(user: User, logins: list[Session] | None = None) -> dict[str, Any]:
    """An account as JSON shows it, with what its *logins* tell; they are looked up when left out."""
    found = context.runtime().sessions.of(user.user_id) if logins is None else logins
    seen_at = max((login.last_used_at for login in found), default=None)
    return {
        "name": user.name,
        "role": user.role,
        "is_enabled": user.is_enabled,
        "created_at": timestamp(user.created_at),
        "last_login_at": timestamp(user.last_login_at) if user.last_login_at else None,
        "last_seen_at": timestamp(seen_at) if seen_at else None,
        "sessions": len(found),
    }


def _sessions_answer(found: list[Session]) -> dict[str, Any]:
    return {
        "status": "ok",
        "sessions": [
            {
                "id": session.session_id,
                "created_at": timestamp(session.created_at),
                "last_used_at": timestamp(session.last_used_at),
                "expires_at": timestamp(session.expires_at),
                "address": session.address,
                "user_agent": session.user_agent,
                "is_this": f"session:{session.session_id}" == caller().key,
            }
            for session in found
        ],
    }


def _end(session_id: int, found: list[Session], name: str, why: str) -> dict[str, Any]:
    """End one of the logins *found*, which are those of *name*; raises NotFound."""
    if session_id not in {session.session_id for session in found}:
        raise NotFound(f"there is no login {session_id} of {name}")
    runtime = context.runtime()
    runtime.sessions.close_id(session_id)
    runtime.hub.end_of(f"session:{session_id}", why)
    return {"status": "ok", "message": f"login {session_id} is ended"}


def _logged_in(user: User) -> Response:
    runtime = context.runtime()
    agent = request.headers.get("User-Agent", "")[:USER_AGENT_CHARACTERS]
    session, secret = runtime.sessions.open(user, request.remote_addr or "", agent)
    answer = make_response(jsonify({"status": "ok", "message": f"{user.name} is logged in as {user.role}"}))
    # Lax: a link in a mail opens the page logged in; changes are checked for their origin besides.
    answer.set_cookie(
        SESSION_COOKIE, secret, expires=session.expires_at, httponly=True, secure=request.is_secure, samesite="Lax"
    )
    answer.delete_cookie(SHARE_COOKIE)
    return answer


# -- oneself ----------------------------------------------------------------------------------------


@api.route_for("get", "/_me", needs="public", answer=Me, problems=(401,))
def me() -> dict[str, Any]:
    """Who the service takes the caller for."""
    runtime = context.runtime()
    asking = caller()
    return {
        "status": "ok",
        "name": asking.name,
        "how": asking.how,
        "role": asking.role,
        "units": None if asking.units is None else sorted(asking.units),
        "needs_setup": runtime.settings.requires_login and not runtime.accounts.has_users(),
    }


@api.route_for("post", "/_login", needs="public", answer=Ok, problems=(*PLAIN_PROBLEMS, 401, 429))
@limited(by="login_rate")
def login(body: LoginInput) -> Response:
    """Log in; the answer sets a cookie that scripts cannot read."""
    user = context.runtime().accounts.check_password(body.name, body.password)
    if user is None:
        note(who=body.name)
        raise NotIdentified("the name or the password is wrong, or the account is disabled")
    note(who=user.name)
    return _logged_in(user)


@api.route_for("post", "/_logout", needs="public", answer=Ok, problems=(401,))
def logout() -> Response:
    """End the present login; doing it twice does no harm."""
    secret = request.cookies.get(SESSION_COOKIE, "")
    if secret:
        context.runtime().sessions.close(secret)
        context.runtime().hub.end_of(caller().key, "you have logged out")
    answer = make_response(jsonify({"status": "ok", "message": "logged out"}))
    answer.delete_cookie(SESSION_COOKIE)
    answer.delete_cookie(SHARE_COOKIE)
    return answer


@api.route_for("post", "/_setup", needs="public", answer=Ok, problems=(*PLAIN_PROBLEMS, 401, 409, 429))
@limited(by="login_rate")
def setup(body: SetupInput) -> Response:
    """Make the first account, an administrator, with the code that stands in the log of the service."""
    runtime = context.runtime()
    note(who=body.name)
    code = runtime.setup_code
    if code is None:
        raise Conflict("there is an account already; log in with that")
    if not secrets.compare_digest(code, body.code.strip().upper()):
        raise NotIdentified("that is not the setup code; it stands in the log of the service")
    user = runtime.accounts.create_first(body.name, body.password)
    runtime.setup_code = None
    return _logged_in(user)


@api.route_for("put", "/_me/password", needs="viewer", answer=Ok, problems=(*PLAIN_PROBLEMS, 429))
@limited(by="login_rate")
def change_own_password(body: PasswordInput) -> Response:
    """Change one's own password; every other login of the account ends."""
    runtime = context.runtime()
    if caller().how != "session":
        raise NotAllowed("only somebody who is logged in has a password to change")
    user = runtime.accounts.check_password(caller().name, body.old_password)
    if user is None:
        raise NotIdentified("the old password is wrong")
    changed = runtime.accounts.change(user.name, password=body.new_password)
    runtime.end_revoked_streams()
    return _logged_in(changed)


@api.route_for("get", "/_sessions", needs="viewer", answer=SessionsAnswer, problems=())
def own_sessions() -> dict[str, Any]:
    """Where the caller is logged in."""
    found = []
    if caller().how == "session":
        runtime = context.runtime()
        found = runtime.sessions.of(runtime.accounts.get(caller().name).user_id)
    return _sessions_answer(found)


@api.route_for("delete", "/_sessions/<int:grant_id>", needs="viewer", answer=Ok, problems=(404, 422))
def end_session(path: GrantId) -> dict[str, Any]:
    """End one of the caller's logins."""
    runtime = context.runtime()
    own = runtime.sessions.of(runtime.accounts.get(caller().name).user_id) if caller().how == "session" else []
    return _end(path.grant_id, own, caller().name, "this login was ended")


# -- all accounts -----------------------------------------------------------------------------------


@api.route_for("get", "/_users", needs="admin", answer=UsersAnswer, problems=())
def users() -> dict[str, Any]:
    """All accounts."""
    runtime = context.runtime()
    logins = runtime.sessions.all()
    found = [
        user_view(user, [login for login in logins if login.user_id == user.user_id]) for user in runtime.accounts.all()
    ]
    return {"status": "ok", "users": found}


@api.route_for("post", "/_users", needs="admin", answer=UserAnswer, problems=(409, *PLAIN_PROBLEMS))
def create_user(body: NewUser) -> dict[str, Any]:
    """Let somebody in."""
    user = context.runtime().accounts.create(body.name, body.password, body.role)
    return {"status": "ok", "message": f"{user.name} may come in as {user.role}", "user": user_view(user)}


@api.route_for("put", "/_users/<name>", needs="admin", answer=UserAnswer, problems=(404, 409, *PLAIN_PROBLEMS))
def change_user(path: UserName, body: UserInput) -> dict[str, Any]:
    """Change an account's role or password, or disable it; the last administrator stays one."""
    runtime = context.runtime()
    user = runtime.accounts.change(path.name, password=body.password, role=body.role, is_enabled=body.is_enabled)
    runtime.end_revoked_streams()
    return {"status": "ok", "message": f"{user.name} is changed", "user": user_view(user)}


@api.route_for("delete", "/_users/<name>", needs="admin", answer=Ok, problems=(404, 409, 422))
def remove_user(path: UserName) -> dict[str, Any]:
    """Remove an account and end its logins; the last administrator stays."""
    runtime = context.runtime()
    runtime.accounts.remove(path.name)
    runtime.end_revoked_streams()
    return {"status": "ok", "message": f"{path.name} is removed"}


@api.route_for("get", "/_users/<name>/sessions", needs="admin", answer=SessionsAnswer, problems=(404, 422))
def sessions_of(path: UserName) -> dict[str, Any]:
    """Where somebody is logged in."""
    runtime = context.runtime()
    return _sessions_answer(runtime.sessions.of(runtime.accounts.get(path.name).user_id))


@api.route_for("delete", "/_users/<name>/sessions/<int:session_id>", needs="admin", answer=Ok, problems=(404, 422))
def end_session_of(path: UserSession) -> dict[str, Any]:
    """End one login of somebody, such as that of a phone that was lost."""
    runtime = context.runtime()
    found = runtime.sessions.of(runtime.accounts.get(path.name).user_id)
    return _end(path.session_id, found, path.name, "an administrator has ended this login")
