"""A bundle as a short Markdown summary, for the job page of a CI system.

It is in English only. Its first line says draft or rehearsal if it is one. It holds no object name.
Everything from outside (migration, datasets, codes, addresses) stands in code spans, where nothing
is markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from hdh_migrate.evidence.exports.cells import code
from hdh_migrate.evidence.lines.gravest import OutcomeCounts, OutcomeState, gravest_first
from hdh_migrate.evidence.page.bases import ended_bases
from hdh_migrate.evidence.page.chronicle import Chronicle, chronicle_of
from hdh_migrate.evidence.page.erased import ErasedObjects, erased_objects
from hdh_migrate.evidence.page.formats import LOCALES
from hdh_migrate.evidence.page.gone import expected, gone_of, told_apart
from hdh_migrate.evidence.reading import CheckedBundle
from hdh_migrate.evidence.verifier.addresses import UNCONTACTED
from hdh_migrate.evidence.verifier.members import Predicate

SHOWN = 50
"""Rows of a table; a summary is no place for hundreds of datasets."""

_READER = LOCALES["en"]


def markdown(reading: CheckedBundle) -> bytes:
    """Return the summary in UTF-8; equal bundles give equal bytes."""
    months = chronicle_of(reading.folder / "journal.jsonl")
    parts = (
        _headline(reading, erased_objects(reading.predicate, months.grants)),
        _answers(reading),
        _datasets(reading.predicate),
        _findings(reading.predicate),
        *_months(months),
        *_terms(reading.predicate),
        *_deletions(reading.predicate),
        _provenance(reading),
    )
    return ("\n\n".join("\n".join(part) for part in parts) + "\n").encode()


_STATES: Final[Mapping[OutcomeState, str]] = {
    OutcomeState.UNBALANCED: "the counts do not close",
    OutcomeState.LOST: "loss: {objects} held by nothing any more",
    OutcomeState.REPLACED: "{objects} replaced at the target since verified",
    OutcomeState.GONE: "{objects} missing or damaged at the target since verified",
    OutcomeState.FAILED: "{objects} failed",
    OutcomeState.OPEN: "the inventory is not closed",
    OutcomeState.EMPTY: "nothing was inventoried",
    OutcomeState.PENDING: "unfinished, {objects} to go",
    OutcomeState.NOTHING: "nothing was moved",
    OutcomeState.UNPROVEN: "complete, but not proven",
    OutcomeState.ACCEPTED: "complete when verified, {objects} replaced and accepted since",
    OutcomeState.NOTED: "complete and proven, with {findings}",
    OutcomeState.GOOD: "complete and proven",
}
"""What it came to where this is the gravest thing."""

_BESIDE: Final[Mapping[OutcomeState, str]] = {
    OutcomeState.PENDING: "{objects} to go",
    OutcomeState.UNPROVEN: "{objects} verified without being read back whole and unsealed",
    OutcomeState.ACCEPTED: "{objects} replaced and accepted since verified",
    OutcomeState.NOTED: "{findings} in all",
}
"""What is said of it beside something graver, where that is not the same."""


def _headline(reading: CheckedBundle, erased: ErasedObjects) -> Iterator[str]:
    predicate = reading.predicate
    marks = ["DRAFT, not evidence"] * reading.draft + ["REHEARSAL"] * predicate["rehearsal"]
    first, *others = gravest_first(OutcomeCounts.of(predicate))
    came_to = _said(_STATES[first[0]], first[1])
    if erased.some:
        came_to = came_to.replace("complete and proven", "complete and proven when verified")
    if erased.shut:
        came_to += f"; erased since, as was decided: what opens {_some(erased.shut, 'object')}"
    if erased.going:
        came_to += "; an erasure is under way"
    said = ": ".join([*marks, came_to])
    yield f"## {said} ({code(predicate['migration'])})"
    if others:
        yield ""
        beside = (_said(_BESIDE.get(state, _STATES[state]), count) for state, count in others)
        yield f"Also: {'; '.join(beside)}."
    for basis in ended_bases(predicate).values():
        yield ""
        when = "before the work began" if basis.when == "before" else "during the work"
        yield f"Legal basis {code(basis.reference)} ended on {basis.until}, {when}."
    if predicate["rehearsal"]:
        yield ""
        yield "Everything happened on one machine: this proves nothing about a host."


def _said(words: str, count: int) -> str:
    return words.format(objects=_some(count, "object"), findings=_some(count, "finding"))


_STATE_COLUMNS: Final = ("inventoried", "verified", "failed", "pending", "excluded")
_GONE: Final[Mapping[str, str]] = {"lost": "lost", "vanished": "gone from the source"}
"""What no rule left behind is counted apart."""


def _answers(reading: CheckedBundle) -> Iterator[str]:
    predicate, outcome = reading.predicate, reading.predicate["outcome"]
    states, levels = outcome["states"], outcome["levels"]
    apart = told_apart(states, gone_of(predicate))
    verified, excluded = states["verified"], apart["excluded"]
    whole = levels.get("full", {"objects": 0})["objects"]
    yield (
        f"- **Moved:** {_number(verified['objects'])} of"
        f" {_number(expected(predicate))} objects,"
        f" {_READER.size(verified['bytes'])};"
        f" {_number(excluded['objects'])} left behind"
        + "".join(
            f", {_number(apart[state]['objects'])} {word}"
            for state, word in _GONE.items()
            if apart[state]["objects"]
        )
    )
    for place in predicate["endpoints"]:
        region = f", {code(place['region'])}" if place["region"] else ""
        word = "From" if place["side"] == "source" else "To"
        url = "" if place["kind"] in UNCONTACTED else f", {code(place['url'])}"
        yield f"- **{word}:** {code(place['kind'])}{url}{region}"
    yield f"- **Complete:** {_yes(outcome['complete'])}"
    yield (
        f"- **Proven:** {_yes(outcome['proven'])}; {_some(whole, 'object')} read back whole,"
        " unsealed and compared"
    )
    for look in predicate.get("looks", ()):
        kinds = ("gone", "damaged", "replaced", "unread", "lost", "beside")
        members: Mapping[str, object] = look
        found = (f"{members[what]} {what}" for what in kinds if what in members)
        yield (
            f"- **Last looked at the target:** batch {code(look['batch'])}, {look['at']},"
            f" {_some(look['objects'], 'object')}, level {look['level']}"
            f" ({', '.join(found)}{'' if look['ended'] else '; not finished'})"
        )
    for one in predicate.get("rotations", ()):
        end = "" if one["ended"] else "; not finished"
        what = (
            f"**Key replaced:** {code(one['old'])} by {code(one['new'])}"
            if one["old"] and one["new"]
            else "**Sealed anew** under new data keys"
        )
        yield (
            f"- {what}, {one['began']},"
            f" {_some(one['objects'], 'object')} ({sum(one['remaining'].values())} still as they"
            f" were, {one['lost']} to be sent again{end})"
        )
    for erased in predicate.get("erasures", ()):
        end = "" if erased["ended"] else "; not finished"
        yield (
            f"- **Erased:** what opens {_some(erased['objects'], 'object')} of dataset"
            f" {code(erased['dataset'])}, {erased['began']}"
            f" ({sum(erased['remaining'].values())} remain{end})"
        )
    yield f"- **Signed:** {_signed(reading)}"
    if reading.names == "keyed":
        yield "- **Names:** replaced by keyed digests"


def _signed(reading: CheckedBundle) -> str:
    if reading.draft:
        return "by nobody: anyone could have written this"
    if not reading.trusted:
        keys = ", ".join(code(key) for key in reading.claimed_by)
        return f"by {keys}, as it says; signatures not checked for this summary"
    keys = ", ".join(code(key) for key in reading.signed_by)
    more = f" ({reading.unchecked} more not checked)" if reading.unchecked else ""
    return f"by {keys}; signatures checked with trusted keys{more}"


def _datasets(predicate: Predicate) -> Iterator[str]:
    gone = {state: word for state, word in _GONE.items() if gone_of(predicate)[state]["objects"]}
    more = "".join(f" {word.capitalize()} |" for word in gone.values())
    yield f"| Batch | Dataset | Inventoried | Verified | Failed | Pending | Excluded |{more}"
    yield "|---|---|--:|--:|--:|--:|--:|" + "--:|" * len(gone)
    for dataset in predicate["datasets"][:SHOWN]:
        sums = told_apart(dataset["tally"], gone_of(predicate, dataset["name"]))
        counts = [_number(sums[state]["objects"]) for state in (*_STATE_COLUMNS, *gone)]
        yield f"| {' | '.join([code(dataset['batch']), code(dataset['name']), *counts])} |"
    yield from _more(len(predicate["datasets"]), "datasets")


def _findings(predicate: Predicate) -> Iterator[str]:
    codes = sorted(predicate["findings"]["codes"].items())
    if not codes:
        yield "No findings."
        return
    yield "| Finding | Count |"
    yield "|---|--:|"
    for name, count in codes[:SHOWN]:
        yield f"| {code(name)} | {_number(count)} |"
    yield from _more(len(codes), "codes")


def _months(months: Chronicle) -> Iterator[list[str]]:
    """Say what the time after the first inventory brought, each kind in a line."""
    counts = months.counts
    rows: tuple[tuple[str, int, str], ...] = (
        ("The source was listed again", counts.get("passes", 0), "time"),
        ("The plan was changed", counts.get("plans", 0), "time"),
        ("Batches were amended", counts.get("revisions", 0), "time"),
        ("Objects were adopted from another ledger", counts.get("adoptions", 0), "time"),
        ("Writing at the target was taken over", counts.get("take_overs", 0), "time"),
        ("Ended without a last word", months.cut_off, "run"),
        ("Sent again, for nobody knew how it had ended", months.resent, "object"),
        ("Read anew, for the source had changed", months.drifted, "object"),
        ("Verdicts taken back", months.taken_back.total, "object"),
        ("Tried again because somebody asked", months.retried.total(), "failed object"),
    )
    lines = [f"- **{what}:** {_some(count, unit)}" for what, count, unit in rows if count]
    if lines:
        yield lines


def _terms(predicate: Predicate) -> Iterator[list[str]]:
    """Return which terms of a cutover were changed after they had been fixed."""
    lines = []
    for cutover in predicate["cutovers"]:
        match cutover:
            case {"batch": str(batch), "terms_changes": [*told]}:
                lines += [
                    f"- **Terms of the cutover changed**, batch {code(batch)}, {code(one['at'])}:"
                    f" {', '.join(code(line) for line in one['difference'])}"
                    for one in told
                ]
            case _:
                pass  # no terms were fixed, or the statement is of before
    if lines:
        yield lines


def _deletions(predicate: Predicate) -> Iterator[list[str]]:
    """Return how the target was read again before a source was deleted, where one was."""
    lines = []
    for cutover in predicate["cutovers"]:
        match cutover:
            case {
                "batch": str(batch),
                "decommission": {
                    "recheck": {
                        "level": str(level),
                        "reason": str() | None as reason,
                        "objects": int(objects),
                        "differing": int(differing),
                    }
                },
            }:
                because = f", because {code(reason)}" if reason else ""
                lines.append(
                    f"- **Read again before deleting**, batch {code(batch)}: level"
                    f" {code(level)}{because}, {_some(objects, 'reading')},"
                    f" {_number(differing)} differing"
                )
            case _:
                pass  # nothing was read again, or the statement is of before
    if lines:
        yield lines


def _more(count: int, what: str) -> Iterator[str]:
    if count > SHOWN:
        yield ""
        yield f"... and {_number(count - SHOWN)} more {what}"


def _provenance(reading: CheckedBundle) -> Iterator[str]:
    predicate = reading.predicate
    yield f"- plan {code(predicate['plan']['digest']['sha256'])}"
    yield f"- manifest root {code(predicate['manifest']['merkle_root'])}"
    yield f"- statement {code(reading.statement_sha256)}"
    version = predicate["tool"]["version"]
    yield f"- written {code(predicate['times']['written'])} by hdh-migrate {code(version)}"
    yield ""
    verify = "hdh-migrate audit verify BUNDLE --trust KEY"
    yield f"This summary is not evidence; the bundle is: `{verify}`"


def _number(value: int) -> str:
    return _READER.number(value)


def _some(count: int, what: str) -> str:
    return f"{_number(count)} {what if count == 1 else f'{what}s'}"


def _yes(value: bool) -> str:
    return "yes" if value else "**no**"
