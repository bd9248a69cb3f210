"""Fuzzing that follows the branches it reaches, with atheris: ``script/fuzz --guided target``; see docs/development.md.

New inputs grow in build/fuzz/<target>; ``choosing.py`` takes the best of them into the corpus.
"""

import atheris  # isort: skip - before what it instruments

import argparse
import logging
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
LONGEST_CASE_BYTES = 4096
PACKAGES = ["slmm.nl43", "slmm.limits", "slmm.settings", "slmm.alerts.rulebook", "slmm.web.api.roster_csv", "dotenv"]

with atheris.instrument_imports(include=PACKAGES):
    from tests.fuzz import everything
    from tests.fuzz.target import CORPUS, Finding, Target, keep, name_of, tried


def words_file(target: Target) -> str:
    """The words of the grammar as libFuzzer reads them."""
    with tempfile.NamedTemporaryFile("w", suffix=".dict", delete=False) as file:
        for word in target.words:
            if 0 < len(word) <= 64:
                file.write('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n')
    return file.name


def main() -> None:
    """One target; libFuzzer ends the process when it has had its runs."""
    targets = everything.targets()
    parser = argparse.ArgumentParser(prog="script/fuzz --guided", description=__doc__)
    parser.add_argument("target", choices=sorted(targets))
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    target = targets[given.target]
    logging.disable(logging.CRITICAL)
    grown = TOP / "build" / "fuzz" / target.name
    grown.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds:
        (grown / name_of(seed)).write_bytes(seed)
    found: dict[str, Finding] = {}

    def one(data: bytes) -> None:
        finding = tried(target, data)
        if finding is not None and finding.key not in found:
            found[finding.key] = finding
            print(f"{keep(target.name, data)}\n{finding.why}", file=sys.stderr, flush=True)

    kept = CORPUS / target.name
    kept.mkdir(parents=True, exist_ok=True)
    common = [f"-max_len={LONGEST_CASE_BYTES}", f"-seed={given.seed}", "-print_final_stats=1", "-verbosity=0"]
    options = [*common, f"-runs={given.cases}", f"-dict={words_file(target)}", "-timeout=20", str(grown), str(kept)]
    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
