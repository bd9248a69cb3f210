"""Fuzzing on demand: ``python -m tests.fuzz [target …] --cases N --seed S``; see docs/development.md."""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402 - after patching
import logging  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

from slmm.patching import close_at_once  # noqa: E402
from tests.fuzz import everything, rest, wire  # noqa: E402
from tests.fuzz.mutation import Mutator  # noqa: E402
from tests.fuzz.target import Finding, Target, keep, kept, name_of, tried  # noqa: E402

TOLD_EVERY_S = 30.0


def run(target: Target, cases: int, seed: int, *, keeps: bool) -> tuple[int, list[Finding]]:
    """So many cases, or until the time is over; each fault is told once, by the shortest case that shows it."""
    seeds = [*target.seeds, *kept(target.name)]
    dice = random.Random(f"{target.name} {seed}")
    mutator: Mutator | rest.RestMutator
    if target.name == "rest":
        mutator = rest.RestMutator(tuple(seeds), dice)
    else:
        mutator = Mutator(seeds, target.words, dice, is_json=target.is_json)
    found: dict[str, Finding] = {}
    told_s = time.monotonic()
    done = 0
    for done in range(1, cases + 1):
        data = seeds[done - 1] if done <= len(seeds) else mutator.case()
        finding = tried(target, data)
        if finding is not None and (finding.key not in found or len(data) < len(found[finding.key].data)):
            if finding.key not in found:
                print(f"{target.name}: case {done}: {finding.why.splitlines()[-1][:300]}", flush=True)
            found[finding.key] = finding
        if time.monotonic() - told_s > TOLD_EVERY_S:
            told_s = time.monotonic()
            print(f"{target.name}: {done} cases, {len(found)} findings", flush=True)
    for finding in found.values():
        print(f"\n{name_of(finding.data)} ({len(finding.data)} bytes): {finding.data[:200]!r}\n{finding.why[-1500:]}")
        if keeps:
            keep(target.name, finding.data)
    return done, list(found.values())


def main() -> int:
    """Every target that is named, or all of those that need no server."""
    targets = everything.targets()
    services = {"rest": rest.target, "wire": wire.target}
    names = [*targets, *services]
    parser = argparse.ArgumentParser(prog="script/fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help=f"any of {', '.join(names)}; else all")
    parser.add_argument("--cases", type=int, default=10_000, help="of each target (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="put findings into the corpus")
    given = parser.parse_args()
    if unknown := set(given.target) - set(names):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    logging.disable(logging.CRITICAL)
    close_at_once()
    failed = 0
    for name in given.target or names:
        began_s = time.monotonic()
        done, found = run(
            services[name]() if name in services else targets[name], given.cases, given.seed, keeps=given.keep
        )
        print(f"{name}: {done} cases in {time.monotonic() - began_s:.0f} s, {len(found)} findings", flush=True)
        failed += len(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
