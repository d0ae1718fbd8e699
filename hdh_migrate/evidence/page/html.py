"""The report for people: one self-contained HTML page per language, from the bundle alone.

The page shows what statement, first findings and journal say, and nothing else. It has no scripts
and loads nothing. Whatever comes from outside (names, messages, addresses) passes `visible` and the
autoescape of the template engine, because that is what the engine does with every string that is
not ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup, escape

from hdh_migrate.codes import Code, how_many
from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.lines.recount import add_up, by_state
from hdh_migrate.evidence.page.approved import by_key, in_order
from hdh_migrate.evidence.page.catalogue import CATALOGUE
from hdh_migrate.evidence.page.charts import pace_bars, size_bars, states_bar
from hdh_migrate.evidence.page.chronicle import NOTHING, Chronicle
from hdh_migrate.evidence.page.formats import LOCALES, NBSP
from hdh_migrate.evidence.page.messages import RULES, elsewhere, french
from hdh_migrate.evidence.page.readers import grant_lines
from hdh_migrate.evidence.page.references import references
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.evidence.verifier.members import DatasetSection, Predicate, StatedLook, StatedLoss
from hdh_migrate.fixity import canonical_json, sha256_hex

SHOWN_FINDINGS = 200
"""Findings on the page; the others are in findings.jsonl only."""

_TONES = {
    **dict.fromkeys(("good", "noted"), "good"),
    **dict.fromkeys(("failed", "lost", "unbalanced", "replaced"), "bad"),
}

_HEADING = re.compile(r'<h2 id="([a-z-]+)">')
"""A heading with its key in the catalogue; nothing else can look so, for the rest is escaped."""

_CHANGES = (
    (re.compile(r"^added\b"), "ajouté"),
    (re.compile(r"^removed \(was "), "retiré (c'était "),
    (re.compile(r"^removed$"), "retiré"),
    (re.compile(r"^order is now "), "nouvel ordre : "),
)
"""What `plan.diff` says of a place, in French."""

_ROTATED = re.compile(r"keys rotate: (?P<old>\S+) to (?P<new>\S+)")
"""The reason that `keys rotate` gives for amending a batch."""


class SignedBy(NamedTuple):
    """What a page shows of the key that signs."""

    key_id: str
    fingerprint: str


def render_report(
    predicate: Predicate,
    findings: Sequence[Mapping[str, object]],
    signer: SignedBy | TrustedKey | None,
    language: str,
    chronicle: Chronicle = NOTHING,
) -> bytes:
    """Return the page in UTF-8; the same arguments give the same bytes.

    `findings` are the first of them, as read from their lines; `chronicle` is what the journal
    tells. Without a signer the page is
    marked as a draft in every place where it could be taken for evidence.
    """
    words = PageWords(language)
    template = environment().get_template("report.html")
    readers = grant_lines(chronicle.grants, predicate["times"]["written"])
    verdict, count = _verdict(predicate)
    page = template.render(
        **_spoken(words),
        **_shown(predicate),
        language=language,
        verdict=verdict,
        verdict_count=count,
        tone=_TONES.get(verdict, "unsure") if signer else "draft",
        doubts=_doubts(predicate, signer, words),
        bar=states_bar(by_state(predicate["outcome"]["states"]), words.share),
        approvals=by_key(chronicle.approvals, predicate["cutovers"]),
        findings=findings,
        months=chronicle,
        readers=readers,
        headings=_HEADING.findall,
        readers_all=chronicle.grants.told,
        readers_given=chronicle.grants.readers,
        signer=signer,
    )
    return page.encode()


def _spoken(words: PageWords) -> dict[str, object]:
    """Return what templates say things with, in the language of the page."""
    return {
        "t": words.say,
        "number": words.number,
        "size": words.size,
        "decimal": words.decimal,
        "bound": words.bound,
        "moment": words.moment,
        "day": words.day,
        "length": words.length,
        "difference": words.difference,
        "cause": words.cause,
        "span": words.span,
        "condition": words.condition,
        "word": words.word,
        "counted": words.counted,
        "trait": words.trait,
        "claimed_moment": words.claimed_moment,
        "said": words.said,
        "meaning": _meaning,
        "message": words.message,
        "rule": words.rule,
        "reason": words.reason,
        "in_order": in_order,
    }


def _shown(predicate: Predicate) -> dict[str, object]:
    """Return what a page shows of the statement alone."""
    declared, codes = _declared(predicate), predicate["findings"]["codes"]
    return {
        "p": predicate,
        "predicate_sha256": sha256_hex(canonical_json(predicate)),
        "states": predicate["outcome"]["states"],
        "proven_objects": _proven(predicate),
        "replaced": how_many(codes, Code.TARGET_REPLACED, Code.TARGET_ACCEPTED),
        "lost": how_many(codes, Code.DECOMMISSION_TARGET_LOST),
        "to_move": _to_move(predicate),
        "declared": declared,
        "titles": {one["name"]: one["title"] for one in declared.get("datasets", ())},
        "escrow": sum(bool(one["escrow"]) for one in declared.get("keys", ())),
        "losses": _losses(predicate),
        "beside": _beside(predicate),
        "mended": lambda look: _mended(predicate, look),
        "erased": _erased(predicate),
        "paces": [pace_bars(pace) for pace in predicate["paces"]],
        "sizes": size_bars(predicate["manifest"]["sizes"]),
        "references": references(),
        "shortfalls": _shortfalls(predicate),
        "undated": _undated(predicate),
        "claims": _claims(predicate),
        "batches": _batches(predicate),
    }


@cache
def environment() -> jinja2.Environment:
    """Return what compiles templates, once: that costs more than a page."""
    return jinja2.Environment(
        autoescape=True,
        finalize=_harmless,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.PackageLoader("hdh_migrate.evidence.page"),
        trim_blocks=True,
        lstrip_blocks=True,
    )


class PageWords:
    """Sentences and quantities of one language, as markup that is ours and hence safe."""

    def __init__(self, language: str, catalogue: Mapping[str, Text] = CATALOGUE) -> None:
        self._language = language
        self._catalogue = catalogue
        self._reader = LOCALES[language]

    @property
    def decimal_mark(self) -> str:
        """What stands before the decimals of a number."""
        return self._reader.decimal

    def say(self, key: str, n: int | None = None, /, **values: object) -> Markup:
        """Return a sentence with its values filled in; `n` also chooses its grammatical number."""
        sentence = self._catalogue[key]
        said = escape(sentence.said(self._language, singular=n in self._reader.singular))
        if n is not None:
            values["n"] = self.number(n)
        return said.format(**{name: _harmless(value) for name, value in values.items()})

    def said(self, text: Text) -> Markup:
        """Return a sentence that stands beside data and not in the catalogue."""
        return escape(text.said(self._language))

    def word(self, group: str, value: str) -> Markup | str:
        """Return what a word of a plan or a journal is called; one without a name is itself."""
        key = f"{group}.{value}"
        sentence = self._catalogue.get(key)
        return value if sentence is None else escape(sentence.said(self._language))

    def counted(self, group: str, value: str, n: int) -> Markup | str:
        """Return so many of what a journal counts; what has no name is called as it is there."""
        key = f"{group}.{value}"
        return self.say(key, n) if key in self._catalogue else f"{self.number(n)} {value}"

    def trait(self, value: object) -> Markup | str:
        """Return what a profile or a probe says of a host: a number, yes, no, or a word."""
        if value is None or isinstance(value, bool):
            return self.say({None: "trait.none", True: "trait.yes", False: "trait.no"}[value])
        return self.number(value) if isinstance(value, int) else str(value)

    def claimed_moment(self, value: str) -> Markup | str:
        """Return a time that others wrote; one that is none stays as they wrote it."""
        try:
            return self.moment(value)
        except ValueError:
            return value

    def message(self, finding: Mapping[str, Any]) -> Markup | str:
        """Return what a finding says; its original text is never shown in another language."""
        text: str = finding["message"]
        if self._language != "fr":
            return text
        said = french(text)
        return elsewhere(finding["number"]) if said is None else said

    def rule(self, left: Mapping[str, str]) -> str:
        """Return what the rule is called that left objects behind; the plan's as the plan does.

        That a rule of the plan excludes, its place on the page says already.
        """
        rule = left["rule"].removeprefix("exclude ")
        return RULES.get(rule, rule) if self._language == "fr" else rule

    def reason(self, left: Mapping[str, str]) -> Markup | str:
        """Return why a rule left objects behind: the plan's words, or the page's for our own."""
        own = french(left["reason"]) if self._language == "fr" and left["rule"] in RULES else None
        return left["reason"] if own is None else own

    def condition(self, what: str) -> Markup | None:
        """Return what a waiver lets go, None where only its own name says it."""
        finding = _meaning(what.removeprefix("finding."))
        if finding is not None:
            return self.said(finding)
        key = "condition.health" if what.startswith("health.") else f"condition.{what}"
        return self.say(key) if key in self._catalogue else None

    def difference(self, line: str) -> Markup | str:
        """Return how two plans differ in one place; the place and its values are the plan's own."""
        if self._language != "fr":
            return line
        place, colon, change = line.partition(": ")
        for pattern, french_form in _CHANGES:
            change = pattern.sub(french_form, change)
        after = f"{NBSP}{colon}" if colon else ""
        return escape(visible(place)) + after + escape(visible(change))

    def cause(self, reason: str) -> Markup | str:
        """Return why a batch was amended: what somebody wrote, or what `keys rotate` did."""
        rotated = _ROTATED.fullmatch(reason)
        if rotated is None:
            return reason
        return self.say("revision.rotated", old=rotated["old"], new=rotated["new"])

    def span(self, seconds: float) -> Markup:
        """Return a length of time that may be less than a second."""
        if seconds < 1:
            return escape(f"{self._reader.number(max(1, round(seconds * 1000)))}{NBSP}ms")
        return escape(f"{self._reader.decimal_number(seconds)}{NBSP}s")

    def length(self, started: str, ended: str) -> Markup:
        """Return how long it was between two moments."""
        first, last = (datetime.fromisoformat(one) for one in (started, ended))
        return escape(self._reader.length(int((last - first).total_seconds())))

    def number(self, value: int) -> Markup:
        """Return a whole number."""
        return escape(self._reader.number(value))

    def size(self, value: int) -> Markup:
        """Return bytes in a binary unit."""
        return escape(self._reader.size(value))

    def decimal(self, value: float) -> Markup:
        """Return a number with one decimal, and its sign where it is negative."""
        return escape(self._reader.decimal_number(value))

    def bound(self, value: int) -> Markup:
        """Return a power of two without the decimals that it does not have."""
        return escape(self._reader.size(value, exact=True))

    def share(self, tenths: int, *, less: bool) -> Markup:
        """Return a percentage from its tenths; `less`: it is not even that."""
        return escape(self._reader.share(tenths, less=less))

    def moment(self, value: str) -> Markup:
        """Return a time in UTC."""
        return escape(self._reader.moment(value))

    def day(self, value: str) -> Markup:
        """Return a day."""
        return escape(self._reader.day(value))


def _harmless(value: object) -> object:
    """Pass our own markup, make every other text visible; the engine escapes it afterwards."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(value)


def _verdict(predicate: Predicate) -> tuple[str, int]:
    """Return the banner's catalogue key, gravest first, and the number that it speaks of."""
    outcome = predicate["outcome"]
    states = outcome["states"]
    verified = states["verified"]["objects"]
    found = predicate["findings"]["codes"]
    lost = how_many(found, Code.DECOMMISSION_TARGET_LOST)
    replaced = how_many(found, Code.TARGET_REPLACED)
    accepted = how_many(found, Code.TARGET_ACCEPTED)
    ladder = (
        ("unbalanced", not outcome["counts_close"], 0),
        ("lost", lost > 0, lost),
        ("failed", states["failed"]["objects"] > 0, states["failed"]["objects"]),
        ("open", not outcome["inventory_closed"], 0),
        ("empty", states["inventoried"]["objects"] == 0, 0),
        ("pending", states["pending"]["objects"] > 0, states["pending"]["objects"]),
        ("nothing", verified == 0, states["excluded"]["objects"]),
        ("unproven", not outcome["proven"], verified - _proven(predicate)),
        ("replaced", replaced > 0, replaced),
        ("accepted", accepted > 0, accepted),
        ("noted", predicate["findings"]["total"] > 0, predicate["findings"]["total"]),
        ("good", True, verified),
    )
    return next((key, count) for key, applies, count in ladder if applies)


def _meaning(code: str) -> Text | None:
    """Return what a finding's code means, None when only its message says it."""
    found = Code.known(code)
    return None if found is None else Text(fr=found.about.fr, en=found.about.en)


def _proven(predicate: Predicate) -> int:
    return int(predicate["outcome"]["levels"].get("full", {"objects": 0})["objects"])


def _to_move(predicate: Predicate) -> int:
    states = predicate["outcome"]["states"]
    return int(states["inventoried"]["objects"] - states["excluded"]["objects"])


def _doubts(
    predicate: Predicate, signer: SignedBy | TrustedKey | None, words: PageWords
) -> list[Markup]:
    """Return everything that the report does not prove, what is particular to this run first."""
    states = predicate["outcome"]["states"]
    lower = states["verified"]["objects"] - _proven(predicate)
    counted = {
        "not.failed": states["failed"]["objects"],
        "not.pending": states["pending"]["objects"],
        "not.lower": lower,
        "not.excluded": states["excluded"]["objects"],
        "not.attested": how_many(predicate["findings"]["codes"], Code.ATTESTATION_OTHER),
        "not.adopted": how_many(predicate["findings"]["codes"], Code.ADOPTED),
        "not.before": how_many(predicate["findings"]["codes"], Code.TAKEN_OVER),
    }
    doubts = [words.say("not.draft")] if signer is None else []
    if predicate["rehearsal"]:
        doubts.append(words.say("not.rehearsal"))
    doubts += [words.say(key, n) for key, n in counted.items() if n]
    always = ("not.alone", "not.source", "not.since", "not.when", "not.law")
    return doubts + [words.say(key) for key in always]


def _declared(predicate: Predicate) -> Mapping[str, Any]:
    """Return what people state in the plan for the report."""
    report: Mapping[str, Any] = predicate["plan"]["canonical"].get("report") or {}
    return report.get("declared") or {}


def _losses(predicate: Predicate) -> dict[str, object]:
    """Return what is lost as one table: a row for each dataset, a column for each property.

    With each property stand the places where it is kept.
    """
    rows: dict[str, dict[str, list[StatedLoss]]] = {}
    properties: dict[str, list[str]] = {}
    for loss in predicate["losses"]:
        kept = properties.setdefault(loss["what"], [])
        kept += [] if loss["kept"] in kept else [loss["kept"]]
        rows.setdefault(loss["dataset"], {}).setdefault(loss["what"], []).append(loss)
    return {"properties": properties, "rows": rows}


def _mended(predicate: Predicate, look: StatedLook) -> bool:
    """Say whether what a look missed or found damaged is verified again, and it found no more."""
    tallies = [one["tally"] for one in predicate["datasets"] if one["batch"] == look["batch"]]
    return (
        look["ended"]
        and look["gone"] + look["damaged"] > 0
        and not (look["replaced"] or look["unread"] or look.get("lost"))
        and not any(one["failed"]["objects"] or one["pending"]["objects"] for one in tallies)
    )


def _beside(predicate: Predicate) -> dict[tuple[str, ...], list[str]]:
    """Return the approvers' keys that lay beside the plan, each set with the batches it is of."""
    found: dict[tuple[str, ...], list[str]] = {}
    for one in predicate["cutovers"]:
        if one["track"] == "cutover" and one.get("keys_beside"):
            found.setdefault(tuple(one["keys_beside"]), []).append(one["batch"])
    return found


def _erased(predicate: Predicate) -> int:
    """Return for how many batches a deletion at the source was begun, whatever came of it."""
    begun = ("erasing", "erased", "requested")
    return sum(any(name in one["times"] for name in begun) for one in predicate["cutovers"])


def _shortfalls(predicate: Predicate) -> list[Mapping[str, Any]]:
    """Return what a probe saw less of than the profile claims."""
    observations = (predicate["capabilities"] or {"observations": ()})["observations"]
    return [one for one in observations if one["agrees"] is False and not one["better"]]


def _undated(predicate: Predicate) -> list[str]:
    """Return the endpoints that were contacted and never sent a Date."""
    endpoints = tuple(f"{endpoint}/" for endpoint in predicate["times"]["clock_offsets"])
    return [
        one["url"]
        for one in predicate["endpoints"]
        if one["requests"] and not f"{one['url']}/".startswith(endpoints)
    ]


def _claims(predicate: Predicate) -> dict[str, object] | None:
    """Count the objects whose bytes have the source's own digest; say how the others were read.

    None for a bundle that does not tell: of an earlier version, or without the source's digests.
    """
    claimed = predicate["manifest"].get("claimed")
    if claimed is None or predicate["names"] != "plain":
        return None
    verified = predicate["outcome"]["states"]["verified"]
    others = {unit: verified[unit] - claimed[unit] for unit in ("objects", "bytes")}
    asked = predicate["plan"]["canonical"].get("verify") or {}
    return {"claimed": claimed, "others": others, "how": asked.get("source", "once")}


def _batches(predicate: Predicate) -> list[dict[str, object]]:
    """Group the datasets by batch, in the plan's order, each with its sum."""
    grouped: dict[str, list[DatasetSection]] = {}
    for dataset in predicate["datasets"]:
        grouped.setdefault(dataset["batch"], []).append(dataset)
    return [
        {"name": name, "datasets": datasets, "tally": add_up(item["tally"] for item in datasets)}
        for name, datasets in grouped.items()
    ]
