"""The Dockerfile as a list of instructions, and what its last stage holds of this checkout."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from fnmatch import fnmatch
from pathlib import Path

from tests.server import TOP

Instruction = tuple[str, str]


def stages(text: str) -> list[list[Instruction]]:
    """The instructions of each stage, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: list[list[Instruction]] = []
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        name, _, value = line.partition(" ")
        assert name == name.upper(), line
        assert value, line
        if name == "FROM":
            found.append([])
        found[-1].append((name, value.strip()))
    return found


def values(stage: list[Instruction], name: str) -> list[str]:
    """What follows each instruction of that name."""
    return [value for instruction, value in stage if instruction == name]


def environment(stage: list[Instruction]) -> dict[str, str]:
    """What ENV sets."""
    pairs = [pair.partition("=") for value in values(stage, "ENV") for pair in shlex.split(value)]
    return {name: value for name, _, value in pairs}


def commands(stage: list[Instruction]) -> tuple[list[str], list[str]]:
    """What is run, and what looks whether it is healthy."""
    start = json.loads(values(stage, "ENTRYPOINT")[-1]) + json.loads(values(stage, "CMD")[-1])
    health = values(stage, "HEALTHCHECK")[-1].partition("CMD ")[2]
    return start, json.loads(health)


def is_sent(name: str) -> bool:
    """Whether .dockerignore lets this file or folder of the checkout through; the last line that fits decides."""
    is_in = True
    for line in (TOP / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        if fnmatch(name, pattern) or name.startswith(f"{pattern}/"):
            is_in = line.startswith("!")
    return is_in


def copied(stage: list[Instruction], root: Path) -> None:
    """Do what COPY does from the checkout, below *root*; other stages' files are left out."""
    for value in values(stage, "COPY"):
        if value.startswith("--from="):
            continue
        *sources, target = shlex.split(value)
        for source in sources:
            assert is_sent(source), f"{source} is kept out by .dockerignore"
            place = root / target.strip("/") / (source if target.endswith("/") else "")
            place.parent.mkdir(parents=True, exist_ok=True)
            if (TOP / source).is_dir():
                shutil.copytree(TOP / source, place, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            else:
                shutil.copy(TOP / source, place)
