"""Section 7.6 for the second verifier: what rules of `include` and `exclude` ask of a line.

A line does not show everything that a rule may ask about. So each thing that is asked holds, fails,
or is not shown: true, false or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tests.support.second_forms import (
    Json,
    Refused,
    canonical,
    instant,
    is_digest,
    is_text,
    matching,
    need,
)
from tests.support.second_globs import characters, matches, tokens

BESIDE = b".hdh-migrate-sidecar/"
PACKS = BESIDE + b"_headers/"
"""How the names of the tool's own files beside a dataset begin."""
UNITS = {"B": 1} | {
    f"{letter}{suffix}": base**power
    for suffix, base in (("B", 1000), ("iB", 1024))
    for power, letter in enumerate("KMGT", start=1)
}
is_amount = matching(r"\d+(\.\d+)?(B|[KMGT]i?B)")
is_day = matching(r"\d{4}-\d\d-\d\d")
is_period = matching(r"\d+[smhd]")


@dataclass
class Seen:
    """What a line shows of an object: its name without the source prefix, and the line itself."""

    name: bytes
    line: Json

    def __post_init__(self) -> None:
        self.signs = characters(self.name)


Ask = Callable[[Seen], bool | None]


@dataclass
class Rule:
    """One rule of `include` or `exclude`."""

    text: str
    """What an exclusion calls it."""
    reason: str
    asks: list[Ask]

    def takes(self, seen: Seen) -> bool | None:
        """Whether it surely takes an object (true), surely does not (false), or may."""
        answers = [ask(seen) for ask in self.asks]
        if False in answers:
            return False
        return None if None in answers else True


# --- How a rule is read ---------------------------------------------------------------------------


def read_included(given: Json, first: bool) -> Rule:
    """Read a rule of `include`: a glob, or an object."""
    if isinstance(given, str):
        given = {"glob": given}
    need(isinstance(given, dict), "plan: include")
    return Rule("", "", asks_of(asked_in(given), first))


def read_excluded(given: Json, first: bool) -> Rule:
    """Read a rule of `exclude`, an object that has a reason, too."""
    need(isinstance(given, dict), "plan: exclude")
    reason = given.get("reason")
    need(isinstance(reason, str), "plan: reason")
    asked = asked_in({name: one for name, one in given.items() if name != "reason"})
    asks = asks_of(asked, first)
    said = asked["glob"] if asked.keys() == {"glob"} else canonical(asked).decode()
    return Rule(f"exclude {said}", str(reason), asks)


def asked_in(given: dict[str, Json]) -> dict[str, Json]:
    """Return what is asked; a member that may be left out is absent or null."""
    need(isinstance(given.get("allow_unused"), bool | None), "plan: allow_unused")
    return {name: one for name, one in given.items() if name != "allow_unused" and one is not None}


def asks_of(asked: dict[str, Json], first: bool) -> list[Ask]:
    need(asked, "plan: a rule that asks nothing")
    need(("keys_from" in asked) == ("keys_sha256" in asked), "plan: a list without its digest")
    found = []
    for name, value in asked.items():
        if name == "glob":
            found.append(glob(value, first))
            continue
        need(name in READERS, f"plan: a rule that asks for {name!r}")
        found.append(READERS[name](value))
    return found


def glob(value: Json, first: bool) -> Ask:
    read = tokens(value, first)
    return lambda seen: matches(read, seen.signs)


def prefix(value: Json) -> Ask:
    need(is_text(value), "plan: prefix")
    begins = str(value).encode()
    return lambda seen: seen.name.startswith(begins)


def amount(value: Json) -> int:
    """Return a size in bytes, rounded down."""
    need(is_amount(value), "plan: a size")
    digits = value.rstrip("BKMGTi")
    return int(Fraction(digits) * UNITS[value[len(digits) :]])


def larger(value: Json) -> Ask:
    limit = amount(value)
    return lambda seen: bool(seen.line["size"] > limit)


def smaller(value: Json) -> Ask:
    limit = amount(value)
    return lambda seen: bool(seen.line["size"] < limit)


def begun(value: Json) -> tuple[str, str]:
    """Return the instant at which a day begins."""
    need(is_day(value), "plan: a day")
    try:
        date.fromisoformat(value)
    except ValueError:
        raise Refused("plan: a day that no calendar has") from None
    return f"{value}T00:00:00", ""


def since(value: Json) -> Ask:
    begins = begun(value)

    def ask(seen: Seen) -> bool | None:
        moment = seen.line.get("source_modified")
        return None if moment is None else instant(moment) >= begins

    return ask


def before(value: Json) -> Ask:
    contrary = since(value)

    def ask(seen: Seen) -> bool | None:
        answer = contrary(seen)
        return None if answer is None else not answer

    return ask


def hidden(form: Callable[[Json], object]) -> Callable[[Json], Ask]:
    """Read what no line shows."""

    def read(value: Json) -> Ask:
        need(form(value), "plan: a rule's member")
        return lambda _: None

    return read


def are_texts(value: Json) -> bool:
    return isinstance(value, list) and all(map(is_text, value))


def are_tags(value: Json) -> bool:
    """Whether it is an object of texts; a tag's value may be empty."""
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


READERS: dict[str, Callable[[Json], Ask]] = {
    "prefix": prefix,
    "larger_than": larger,
    "smaller_than": smaller,
    "modified_before": before,
    "modified_since": since,
    "older_than": hidden(is_period),
    "newer_than": hidden(is_period),
    "tier": hidden(are_texts),
    "type": hidden(are_texts),
    "tags": hidden(are_tags),
    "keys_from": hidden(is_text),
    "keys_sha256": hidden(is_digest),
}


# --- What rules do to a line ----------------------------------------------------------------------


def ruled_out(include: list[Rule], exclude: list[Rule], seen: Seen) -> bool:
    """Whether the rules surely leave behind what this line of the manifest is of."""
    if seen.name.startswith(BESIDE):
        return False
    return not_taken(include, seen) or any(rule.takes(seen) is True for rule in exclude)


def not_taken(include: list[Rule], seen: Seen) -> bool:
    """Whether there are rules of `include`, and all of them surely do not take it."""
    return bool(include) and all(rule.takes(seen) is False for rule in include)


def may_be_not_included(include: list[Rule], seen: Seen) -> bool:
    return bool(include) and not any(rule.takes(seen) is True for rule in include)


def may_be_excluded(
    include: list[Rule], exclude: list[Rule], seen: Seen, told: tuple[str, str]
) -> bool:
    """Whether the first rule of `exclude` that takes it may be one of this text and reason."""
    if not_taken(include, seen):
        return False
    for rule in exclude:
        takes = rule.takes(seen)
        if (rule.text, rule.reason) == told and takes is not False:
            return True
        if takes is True:
            return False
    return False


def check_own(line: Json, where: str) -> None:
    """Hold one of the tool's own files beside the dataset against what its version says."""
    version = line.get("source_version")  # the first format has none in its exclusions
    if version is not None:
        known, _, digest = version.partition(":")
        need(known == "sidecar" and is_digest(digest), f"{where}: source_version of a sidecar")
        read = line.get("sha256")
        need(read in (None, digest), f"{where}: a sidecar of another digest")
