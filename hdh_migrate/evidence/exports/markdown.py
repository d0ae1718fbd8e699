"""A bundle as a short Markdown summary, for the job page of a CI system or for a letter.

In French or in English (`markdown_words`). Its first line says draft or rehearsal if it is one. It
holds no object name. Everything from outside (migration, datasets, codes, addresses) stands in code
spans, where nothing is markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from hdh_migrate.evidence.exports.cells import code
from hdh_migrate.evidence.exports.markdown_words import MARKDOWN
from hdh_migrate.evidence.lines.finals import finals
from hdh_migrate.evidence.lines.gravest import OutcomeCounts, gravest_first
from hdh_migrate.evidence.page.bases import ended_bases
from hdh_migrate.evidence.page.chronicle import Chronicle, chronicle_of
from hdh_migrate.evidence.page.erased import ErasedObjects, erased_objects
from hdh_migrate.evidence.page.formats import LOCALES, NBSP
from hdh_migrate.evidence.page.gone import GONE, expected, gone_of, told_apart
from hdh_migrate.evidence.page.page_words import meaning
from hdh_migrate.evidence.reading import CheckedBundle
from hdh_migrate.evidence.verifier.addresses import UNCONTACTED

SHOWN: Final = 50
"""Rows of a table; a summary is no place for hundreds of datasets."""

_STATE_COLUMNS: Final = ("inventoried", "verified", "failed", "pending", "excluded")
_FOUND: Final = ("gone", "damaged", "replaced", "unread", "lost", "beside")
"""What a look may find; statements of earlier versions lack some."""


def markdown(reading: CheckedBundle, language: str) -> bytes:
    """Return the summary in UTF-8, in `fr` or `en`; equal bundles give equal bytes."""
    months = chronicle_of(reading.folder / "journal.jsonl")
    summary = _Summary(reading, language)
    parts = (
        summary.headline(erased_objects(reading.predicate, months.grants), months),
        summary.answers(),
        summary.datasets(),
        summary.findings(),
        *summary.months(months),
        *summary.terms(),
        *summary.deletions(),
        summary.provenance(),
    )
    return ("\n\n".join("\n".join(part) for part in parts) + "\n").encode()


class _Summary:
    """The parts of one bundle's summary in one language, each as lines."""

    def __init__(self, reading: CheckedBundle, language: str) -> None:
        self._reading, self._predicate = reading, reading.predicate
        self._language, self._reader = language, LOCALES[language]

    def headline(self, erased: ErasedObjects, months: Chronicle) -> Iterator[str]:
        """Yield what it came to, the gravest first, and what else is so."""
        predicate = self._predicate
        ended = list(finals(predicate, months.passed.finalized, months.listed))
        first, *others = gravest_first(OutcomeCounts.of(predicate, ended))
        then = f"state.{first[0]}.then"  # what was so when it was verified, and was erased since
        key = then if erased.some and then in MARKDOWN else f"state.{first[0]}"
        came_to = self._say(key, first[1])
        if erased.shut:
            came_to += self._say("erased.shut", erased.shut)
        if erased.going:
            came_to += self._say("erased.going")
        marks = [self._say("draft")] * self._reading.draft
        marks += [self._say("rehearsal")] * predicate["rehearsal"]
        said = self._say("colon").join([*marks, came_to])
        yield f"## {said} ({code(predicate['migration'])})"
        if others:
            yield ""
            beside = (
                self._say(key if (key := f"beside.{state}") in MARKDOWN else f"state.{state}", n)
                for state, n in others
            )
            yield self._say("also", what=self._say("semicolon").join(beside))
        for basis in ended_bases(predicate).values():
            yield ""
            key = "basis.before" if basis.when == "before" else "basis.during"
            yield self._say(key, what=code(basis.reference), day=self._day(basis.until))
        if predicate["rehearsal"]:
            yield ""
            yield self._say("rehearsal.why")

    def answers(self) -> Iterator[str]:
        """Yield the answers to the questions of the page's first screen."""
        predicate, outcome = self._predicate, self._predicate["outcome"]
        apart = told_apart(outcome["states"], gone_of(predicate))
        verified, excluded = outcome["states"]["verified"], apart["excluded"]
        yield (
            self._say(
                "moved", expected(predicate), verified=self._number(verified["objects"]),
                size=self._reader.size(verified["bytes"]),
            )
            + self._say("moved.left", excluded["objects"])
            + "".join(
                self._say(f"moved.{state}", apart[state]["objects"])
                for state in GONE
                if apart[state]["objects"]
            )
        )  # fmt: skip
        for place in predicate["endpoints"]:
            region = f", {code(place['region'])}" if place["region"] else ""
            url = "" if place["kind"] in UNCONTACTED else f", {code(place['url'])}"
            yield self._say(place["side"], where=f"{code(place['kind'])}{url}{region}")
        yield self._say("complete", yes=self._yes(outcome["complete"]))
        whole = outcome["levels"].get("full", {"objects": 0})["objects"]
        yield self._say("proven", whole, yes=self._yes(outcome["proven"]))
        yield from self._looks()
        yield from self._exchanges()
        yield self._say("signed", who=self._signed())
        if self._reading.names == "keyed":
            yield self._say("names")

    def _looks(self) -> Iterator[str]:
        for look in self._predicate.get("looks", ()):
            members: Mapping[str, int] = look  # type: ignore[assignment]
            found = [self._say(f"look.{what}", members[what]) for what in _FOUND if what in members]
            found += [] if look["ended"] else [self._say("unfinished")]
            yield self._say(
                "look", look["objects"], batch=code(look["batch"]), at=self._moment(look["at"]),
                level=code(look["level"]), found=", ".join(found),
            )  # fmt: skip

    def _exchanges(self) -> Iterator[str]:
        for one in self._predicate.get("rotations", ()):
            old, new = code(one["old"] or ""), code(one["new"] or "")
            named = self._say("rotated.key", old=old, new=new)
            yield self._say(
                "rotated", one["objects"], what=named if old and new else self._say("rotated.data"),
                at=self._moment(one["began"]), left=self._number(sum(one["remaining"].values())),
                lost=self._number(one["lost"]), end=self._end(one["ended"]),
            )  # fmt: skip
        for erased in self._predicate.get("erasures", ()):
            yield self._say(
                "erased", erased["objects"], dataset=code(erased["dataset"]),
                at=self._moment(erased["began"]), end=self._end(erased["ended"]),
                left=self._number(sum(erased["remaining"].values())),
            )  # fmt: skip

    def _signed(self) -> str:
        reading = self._reading
        if reading.draft:
            return self._say("signed.nobody")
        if not reading.trusted:
            keys = ", ".join(code(key) for key in reading.claimed_by)
            return self._say("signed.claimed", keys=keys)
        keys = ", ".join(code(key) for key in reading.signed_by)
        more = self._say("signed.more", reading.unchecked) if reading.unchecked else ""
        return self._say("signed.checked", keys=keys) + more

    def datasets(self) -> Iterator[str]:
        """Yield a table of what came of each dataset."""
        predicate = self._predicate
        gone = [state for state in GONE if gone_of(predicate)[state]["objects"]]
        columns = ("batch", "dataset", *_STATE_COLUMNS, *gone)
        yield f"| {' | '.join(self._say(f'col.{column}') for column in columns)} |"
        yield "|---|---|" + "--:|" * (len(columns) - 2)
        for dataset in predicate["datasets"][:SHOWN]:
            sums = told_apart(dataset["tally"], gone_of(predicate, dataset["name"]))
            counts = [self._number(sums[state]["objects"]) for state in (*_STATE_COLUMNS, *gone)]
            yield f"| {' | '.join([code(dataset['batch']), code(dataset['name']), *counts])} |"
        yield from self._more(len(predicate["datasets"]), "more.datasets")

    def findings(self) -> Iterator[str]:
        """Yield a table of the findings by code, each with what the code means."""
        codes = sorted(self._predicate["findings"]["codes"].items())
        if not codes:
            yield self._say("findings.none")
            return
        columns = ("finding", "meaning", "count")
        yield f"| {' | '.join(self._say(f'col.{column}') for column in columns)} |"
        yield "|---|---|--:|"
        for name, count in codes[:SHOWN]:
            meant = meaning(name)
            words = "" if meant is None else self._plain(meant.said(self._language))
            yield f"| {code(name)} | {words} | {self._number(count)} |"
        yield from self._more(len(codes), "more.codes")

    def months(self, months: Chronicle) -> Iterator[list[str]]:
        """Say what the time after the first inventory brought, each kind in a line."""
        counts = months.counts
        rows = {
            "month.passes": counts.get("passes", 0),
            "month.plans": counts.get("plans", 0),
            "month.revisions": counts.get("revisions", 0),
            "month.adoptions": counts.get("adoptions", 0),
            "month.take-overs": counts.get("take_overs", 0),
            "month.cut-off": months.cut_off,
            "month.resent": months.resent,
            "month.drifted": months.drifted,
            "month.taken-back": months.taken_back.total,
            "month.retried": months.retried.total(),
        }
        lines = [self._say(key, count) for key, count in rows.items() if count]
        if lines:
            yield lines

    def terms(self) -> Iterator[list[str]]:
        """Return which terms of a cutover were changed after they had been fixed."""
        lines = []
        for cutover in self._predicate["cutovers"]:
            match cutover:
                case {"batch": str(batch), "terms_changes": [*told]}:
                    lines += [
                        self._say(
                            "terms", batch=code(batch), at=code(one["at"]),
                            what=", ".join(code(line) for line in one["difference"]),
                        )
                        for one in told
                    ]  # fmt: skip
                case _:
                    pass  # no terms were fixed, or the statement is of before
        if lines:
            yield lines

    def deletions(self) -> Iterator[list[str]]:
        """Return how the target was read again before a source was deleted, where one was."""
        lines = []
        for cutover in self._predicate["cutovers"]:
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
                    because = self._say("recheck.why", why=code(reason)) if reason else ""
                    lines.append(
                        self._say(
                            "recheck", objects, batch=code(batch), level=code(level),
                            because=because, differing=self._say("recheck.differing", differing),
                        )
                    )  # fmt: skip
                case _:
                    pass  # nothing was read again, or the statement is of before
        if lines:
            yield lines

    def provenance(self) -> Iterator[str]:
        """Yield by which digests the bundle is known, and how it is checked."""
        predicate = self._predicate
        yield self._say("by.plan", what=code(predicate["plan"]["digest"]["sha256"]))
        yield self._say("by.root", what=code(predicate["manifest"]["merkle_root"]))
        yield self._say("by.statement", what=code(self._reading.statement_sha256))
        yield self._say(
            "by.tool", at=code(predicate["times"]["written"]),
            version=code(predicate["tool"]["version"]),
        )  # fmt: skip
        yield ""
        yield self._say("no-evidence", verify="`hdh-migrate audit verify BUNDLE --trust KEY`")

    # --- words -----------------------------------------------------------------------------------

    def _say(self, key: str, n: int | None = None, /, **values: str) -> str:
        """Return a sentence; `n` is what it counts, and chooses its grammatical number."""
        said = MARKDOWN[key].said(self._language, singular=n in self._reader.singular)
        return self._plain(said).format(n="" if n is None else self._number(n), **values)

    def _plain(self, said: str) -> str:
        """Keep no-break spaces out of English, which programs search."""
        return said if self._language == "fr" else said.replace(NBSP, " ")

    def _more(self, count: int, key: str) -> Iterator[str]:
        if count > SHOWN:
            yield ""
            yield self._say(key, count - SHOWN)

    def _number(self, value: int) -> str:
        return self._reader.number(value)

    def _moment(self, at: str) -> str:
        return self._reader.moment(at) if self._language == "fr" else at

    def _day(self, day: str) -> str:
        return self._reader.day(day) if self._language == "fr" else day

    def _end(self, ended: str | None) -> str:
        return "" if ended else self._say("semicolon") + self._say("unfinished")

    def _yes(self, value: bool) -> str:
        return self._say("yes" if value else "no")
