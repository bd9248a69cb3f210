"""How commands answer: tables for people, JSON for programs, and exit codes with a meaning."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

FAILED, WRONG_USAGE, WITH_WARNINGS = 1, 2, 3
"""0 is fine; 2 is click's own; 3: done, but something is to be looked at."""
MARK_WIDTH = 8

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """``--json`` as the parameter *as_json*."""
    return click.option("--json", "as_json", is_flag=True, help="For programs.")(command)


def show_json(data: Any) -> None:
    """One JSON document on one line."""
    click.echo(json.dumps(data, ensure_ascii=False))


def plain(value: object) -> str:
    """Text from a meter or a service, harmless on a terminal: no escape sequences, no line ends."""
    return "".join(letter if letter.isprintable() else "�" for letter in str(value))


def say(sentence: object, *, err: bool = False) -> None:
    """A line for a person; what a meter or a service put into it stays harmless."""
    click.echo(plain(sentence), err=err)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """A table, or a sentence that says why there is none; what is not known is a dash."""
    if not rows:
        say(empty)
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        # Text, for a name on a card may hold the brackets of rich's markup.
        table.add_row(*(Text("–" if value is None else plain(value)) for value in row))
    console().print(table)


def show_marked(mark: str, style: str, sentence: str) -> None:
    """A line with a coloured word before it; the sentence stays as it is."""
    console().print(Text.assemble((f"{mark:>{MARK_WIDTH}}", style), "  ", plain(sentence)), soft_wrap=True)


def console(*, stderr: bool = False) -> Console:
    """Colours only where there is a terminal and no NO_COLOR; never wraps what a pipe reads."""
    found = Console(stderr=stderr, highlight=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, width=200)


def leave(code: int) -> NoReturn:
    """End with this exit code."""
    sys.exit(code)
