"""What a command imports decides how long it takes to begin; a look at names does not depend on the machine."""

import json
import subprocess
import sys

import click

from slmm.cli import COMMANDS, slmm
from tests.cli.conftest import TOP, surroundings

HEAVY = {"flask", "sqlalchemy", "duckdb", "numpy", "alembic", "apprise", "holidays", "cryptography", "gunicorn"}
"""What the service is made of; only a command that is one, or looks into its files, needs any of it."""
CLIENTS = ("devices", "watch", "start", "stop", "files", "history", "report", "alerts", "emulator")
PROGRAM = """
import json, sys
from slmm.__main__ import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["slmm", *arguments]
    try:
        main()
    except SystemExit:
        pass
print("imported", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def imported(tmp_path, *commands):
    """The packages that are imported when all *commands* have run, one after another in one process; what they said."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([command.split() for command in commands])],
        env=surroundings(tmp_path, SLMM_URL="http://127.0.0.1:1"),
        cwd=TOP,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    said, _, names = ended.stdout.rpartition("imported ")
    return set(names.split()), said + ended.stderr


def test_what_only_asks_a_service_imports_nothing_of_one(tmp_path):
    asked = ("devices list", "start m1", "history export m1", "files list m1", "report m1", "alerts list m1")

    names, said = imported(tmp_path, "--help", *(f"{name} --help" for name in CLIENTS), "config show", *asked)

    assert not HEAVY & names
    assert "Usage: slmm watch" in said
    assert "SLMM_PORT=8100" in said
    assert said.count("no SLMM answers at") == len(asked)


def test_the_look_for_what_is_imported_sees_it(tmp_path):
    names, said = imported(tmp_path, "db --help")

    assert "Usage: slmm db" in said
    assert {"sqlalchemy", "alembic"} <= names


def test_the_list_of_commands_says_what_each_says_of_itself():
    context = click.Context(slmm)
    own = {name: slmm.get_command(context, name).get_short_help_str(500) for name in COMMANDS}

    assert {name: text for name, (_, text) in COMMANDS.items()} == own
