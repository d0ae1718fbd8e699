"""Reads a plan file and refuses it with every problem at once, each as file:line:column.

Bounded before anything else: at most MAX_BYTES are read, and a hostile file costs less than a
second and 100 MB. No message repeats a value of the plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.frozen import frozen
from hdh_migrate.plan import document, leaks, lists, rules
from hdh_migrate.plan.document import Document, Fault, Spot
from hdh_migrate.plan.files import NotRegularError, read_bounded
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.rules import Loc, place_text

if TYPE_CHECKING:
    from hdh_migrate.plan.problems import PlanProblem

MAX_BYTES: Final = 1 << 20
MAX_PROBLEMS: Final = 50
"""Problems that are listed; that there are more is the last line."""

_HINT: Final = "`hdh-migrate docs plan-reference` describes every field"
_NO_PLAN_HINT: Final = "`hdh-migrate init DIR` makes a plan to begin with"
_PLAN: Final = "plan.yaml"
"""The name that `init` gives to a plan."""


@frozen
class LoadedPlan:
    """A valid plan and where it came from."""

    plan: Plan
    digest: str
    """Hexadecimal SHA-256 of `canonical`; comments and layout do not change it."""
    canonical: bytes
    base: Path
    """The plan's folder; relative paths in the plan start here."""
    path: Path
    spots: Mapping[Loc, Spot] = field(default_factory=dict, repr=False, compare=False)

    def refusal(self, found: Sequence[tuple[Loc, str]]) -> PlanInvalid:
        """Return the error that refuses this plan for what can only be known beside it."""
        faults = []
        for loc, message in found:
            spot = document.around(self.spots, loc) or Spot(1, 1)
            faults.append(Fault(spot, f"{place_text(loc)}: {message}" if loc else message))
        return _refused(self.path, faults)


def plan_digest(plan: Plan) -> str:
    """Return the plan digest: SHA-256, in hexadecimal, of the canonical plan."""
    return sha256_hex(_canonical(plan))


def _canonical(plan: Plan) -> bytes:
    return canonical_json(plan.model_dump(mode="json", exclude_none=True))


def load(path: Path, model: type[Plan] = Plan) -> LoadedPlan:
    """Read and check a plan; no endpoint is contacted and no secret is read.

    Lists of keys are: what they hold is a part of the plan.

    `model` is what plans are (see `plan.model.knowing`).

    Raises:
        PlanInvalid: it cannot be read or is no valid plan; all problems are named.
    """
    text = _read(path)
    read = document.read(text)
    plan, faults = _validated(read, model) if read.whole else (None, read.faults)
    if plan is not None:
        plan, wrong = _with_lists(plan, read, path.parent.resolve(), model)
        faults = [*faults, *wrong]
    # A second look at the words themselves: comments, and what the fields' rules let through.
    faults = [*faults, *_secrets(text, read)]
    if plan is None or faults:
        raise _refused(path, faults)
    canonical = _canonical(plan)
    return LoadedPlan(
        plan=plan,
        digest=sha256_hex(canonical),
        canonical=canonical,
        base=path.parent.resolve(),
        path=path,
        spots=read.spots,
    )


def _read(path: Path) -> str:
    try:
        data = read_bounded(path, MAX_BYTES)
    except OSError as error:
        raise _refused(path, [_whole_file(_unread(path, error))], _NO_PLAN_HINT) from error
    if len(data) > MAX_BYTES:
        raise _refused(path, [_whole_file("a plan is at most 1 MiB")])
    return _decoded(path, data)


def _decoded(path: Path, data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise _refused(path, [_whole_file("begins with a byte order mark: save as plain UTF-8")])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        good = data[: error.start].decode()
    # Raised out here: the decoder's error would carry the plan's bytes along.
    spot = next(document.spots_at(good, [len(good)]))
    raise _refused(path, [Fault(spot, "not UTF-8 text: save the file as UTF-8")])


def _unread(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "no right to read the file"
    if isinstance(error, NotRegularError):
        if (path / _PLAN).is_file():
            return f"is a folder: give the path of the plan in it, {path / _PLAN}"
        return "is a directory or a device: give the path of a plan"
    return "the file cannot be read"


def _whole_file(message: str) -> Fault:
    return Fault(Spot(1, 1), message)


def _validated(read: Document, model: type[Plan]) -> tuple[Plan | None, list[Fault]]:
    """Return the plan, or None, with everything that is wrong with it."""
    if not isinstance(read.value, dict):
        empty = read.value is None and () not in read.unknown
        return None, read.faults or [
            Fault(
                read.spots.get((), Spot(1, 1)),
                "the plan is empty" if empty else "a plan is a mapping (lines of `field: value`)",
            )
        ]
    plan: Plan | None = None
    found: list[PlanProblem] = []
    try:
        plan = model.model_validate_json(json.dumps(read.value))
    except ValidationError as error:
        from hdh_migrate.plan.problems import plan_problems

        found.extend(plan_problems(error, read.value, model))
    if broken := list(rules.broken(read.value, model.kinds)):
        from hdh_migrate.plan.problems import PlanProblem

        found.extend(PlanProblem(one.loc, one.message) for one in broken)
    faults = [_located(p, read) for p in found if not _follows_from_fault(p.loc, read)]
    return plan, [*read.faults, *faults]


def _with_lists(
    plan: Plan, read: Document, base: Path, model: type[Plan]
) -> tuple[Plan, list[Fault]]:
    """Return the plan with the digest of each list of keys that it points to, and what is wrong."""
    assert isinstance(read.value, dict), "what was taken as a plan is a mapping"
    digests, wrong = lists.digested(read.value, base)
    if not digests and not wrong:
        return plan, []
    from hdh_migrate.plan.problems import PlanProblem

    faults = [_located(PlanProblem(loc, message), read) for loc, message in wrong]
    if faults:
        return plan, faults
    whole = lists.with_digests(read.value, digests)
    return model.model_validate_json(json.dumps(whole)), []


def _follows_from_fault(loc: Loc, read: Document) -> bool:
    return any(loc[:length] in read.unknown for length in range(len(loc) + 1))


def _located(problem: PlanProblem, read: Document) -> Fault:
    """Find the value, or the key, or for what is missing the innermost mapping around it."""
    loc = problem.loc
    spot = read.keys.get(loc) if problem.at_key else None
    spot = spot or document.around(read.spots, loc)
    where = place_text(loc if problem.shown is None else problem.shown)
    return Fault(spot or Spot(1, 1), f"{where}: {problem.message}" if where else problem.message)


def _secrets(text: str, read: Document) -> Iterator[Fault]:
    lines: set[int] = set()
    for spot in document.spots_at(text, leaks.found_in(text)):
        lines.add(spot.line)
        yield Fault(spot, leaks.MESSAGE)
    # Escapes and folded lines hide a secret from a search of the text.
    for loc, value in read.texts.items():
        spot = read.spots[loc]
        if spot.line not in lines and leaks.found_in(value):
            yield Fault(spot, leaks.MESSAGE)


def _refused(path: Path, faults: list[Fault], hint: str = _HINT) -> PlanInvalid:
    name = "".join(c if c.isprintable() else "?" for c in str(path))
    sorted_faults = sorted(dict.fromkeys(faults), key=lambda fault: fault.spot)
    if len(sorted_faults) > MAX_PROBLEMS:
        more = Fault(sorted_faults[MAX_PROBLEMS].spot, "and more from here on: mend these first")
        sorted_faults[MAX_PROBLEMS:] = [more]
    lines = [
        f"{name}:{fault.spot.line}:{fault.spot.column}: {fault.message}" for fault in sorted_faults
    ]
    return PlanInvalid(lines, hint=hint)
