"""The report for people: one self-contained HTML page per language, from the bundle alone.

The page shows what statement, first findings and journal say, and nothing else. It has no scripts
and loads nothing. Whatever comes from outside (names, messages, addresses) passes `visible` and the
autoescape of the template engine, because that is what the engine does with every string that is
not ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from markupsafe import Markup

from hdh_migrate.codes import LOST_OBJECTS, Code, Severity, how_many
from hdh_migrate.evidence.lines.gravest import GRAVE, OutcomeCounts, OutcomeState, gravest_first
from hdh_migrate.evidence.lines.left import left_to_do
from hdh_migrate.evidence.lines.recount import add_up
from hdh_migrate.evidence.page.ahead import ahead
from hdh_migrate.evidence.page.approved import by_key, duties_of, in_order
from hdh_migrate.evidence.page.bases import ended_bases
from hdh_migrate.evidence.page.charts import pace_bars, size_bars, states_bar
from hdh_migrate.evidence.page.chronicle import NOTHING, Chronicle
from hdh_migrate.evidence.page.compiled import environment
from hdh_migrate.evidence.page.declared import countries, declared_of, reachable, stamp_trust
from hdh_migrate.evidence.page.erased import (
    ERASED,
    ErasedObjects,
    erased_objects,
    originals_of,
    pack_erased,
)
from hdh_migrate.evidence.page.gone import (
    gone_in,
    gone_of,
    own_files,
    own_verified,
    to_move,
    told_apart,
    verified_once,
)
from hdh_migrate.evidence.page.held import held_of
from hdh_migrate.evidence.page.holders import held_keys
from hdh_migrate.evidence.page.leaving import leaving_prices
from hdh_migrate.evidence.page.left import missed_in, remains_of, standing_of, told
from hdh_migrate.evidence.page.owners import owner_of
from hdh_migrate.evidence.page.page_words import PageWords, meaning
from hdh_migrate.evidence.page.readers import grant_lines
from hdh_migrate.evidence.page.references import references
from hdh_migrate.evidence.page.sides import by_side
from hdh_migrate.evidence.page.waived import resting_on, waiver_lines
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.evidence.verifier.addresses import UNCONTACTED
from hdh_migrate.evidence.verifier.members import (
    DatasetSection,
    Predicate,
    StatedLook,
    StatedLoss,
)
from hdh_migrate.evidence.verifier.selection import VANISHED
from hdh_migrate.fixity import canonical_json, sha256_hex

SHOWN_FINDINGS = 200
"""Findings on the page; the others are in findings.jsonl only."""

SHOWN_DATASETS = 6
"""Datasets on the first screen; the table below has all of them."""

_TONES = {
    **dict.fromkeys((OutcomeState.GOOD, OutcomeState.NOTED), "good"),
    **dict.fromkeys(GRAVE, "bad"),
}

_HEADING = re.compile(r'<h2 id="([a-z-]+)">')
"""A heading with its key in the catalogue; nothing else can look so, for the rest is escaped."""


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
    unresolved: Mapping[str, int] = MappingProxyType({}),
) -> bytes:
    """Return the page in UTF-8; the same arguments give the same bytes.

    `findings` are the first of them, as read from their lines; `chronicle` is what the journal
    tells, `unresolved` the findings that are no notes and that nobody waived, by code. Without a
    signer the page is marked as a draft in every place where it could be taken for evidence.
    """
    words = PageWords(language)
    template = environment().get_template("report.html")
    readers = grant_lines(chronicle.grants, predicate["times"]["written"])
    stands = standing_of(predicate, unresolved, chronicle, signed=signer is not None)
    (verdict, count), *others = gravest_first(OutcomeCounts.of(predicate))
    erased = erased_objects(predicate, chronicle.grants)
    declared = declared_of(predicate)
    approvals = by_key(chronicle.approvals, predicate["cutovers"])
    waivers = waiver_lines(chronicle.waivers, predicate)
    page = template.render(
        **_spoken(words),
        **_shown(predicate),
        language=language,
        verdict=verdict,
        verdict_count=count,
        others=others,
        excused=_excused(predicate, unresolved),
        tone=_tone(verdict, erased) if signer else "draft",
        since_erased=erased,
        verdict_then=f"{verdict}.then" if erased.some and f"{verdict}.then" in ERASED else verdict,
        doubts=_doubts(predicate, signer, words),
        bar=states_bar(told_apart(predicate["outcome"]["states"], gone_of(predicate)), words.share),
        approvals=approvals,
        waivers=waivers,
        resting=resting_on(waivers),
        waived_by={one.by: one.by in chronicle.logins for one in waivers},
        duties=duties_of(
            signer.key_id if signer else None, approvals, (one.key_id for one in waivers)
        ),
        findings=findings,
        months=chronicle,
        tasks=[
            (told(one, words), owner_of(one, declared, list(chronicle.logins), words))
            for one in left_to_do(stands)
        ],
        errors=by_side(predicate["findings"]["codes"], chronicle.retried),
        places=countries(declared, words.said),
        readers=readers,
        headings=_HEADING.findall,
        readers_all=chronicle.grants.told,
        readers_given=chronicle.grants.readers,
        readers_revoked=chronicle.grants.revoked,
        references=references(),
        held=held_of(
            predicate, approvals, grants=chronicle.grants.readers > 0, signed=signer is not None
        ),
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
        "lasting": words.lasting,
        "difference": words.difference,
        "cause": words.cause,
        "span": words.span,
        "condition": words.condition,
        "word": words.word,
        "counted": words.counted,
        "trait": words.trait,
        "money": words.money,
        "command": Markup('<code class="whole">{}</code>').format,
        "claimed_moment": words.claimed_moment,
        "said": words.said,
        "meaning": meaning,
        "message": words.message,
        "rule": words.rule,
        "reason": words.reason,
        "in_order": in_order,
    }


def _shown(predicate: Predicate) -> dict[str, object]:
    """Return what a page shows of the statement alone."""
    declared, codes = declared_of(predicate), predicate["findings"]["codes"]
    gone = gone_of(predicate)
    return {
        "p": predicate,
        "SHOWN_DATASETS": SHOWN_DATASETS,
        "predicate_sha256": sha256_hex(canonical_json(predicate)),
        "states": predicate["outcome"]["states"],
        "proven_objects": _proven(predicate),
        "replaced": how_many(codes, Code.TARGET_REPLACED, Code.TARGET_ACCEPTED),
        "lost": how_many(codes, *LOST_OBJECTS),
        "since_verified": verified_once(predicate),
        "own": own_files(predicate),
        "own_verified": own_verified(predicate),
        "to_move": to_move(predicate),
        "gone": gone,
        "apart": told_apart(predicate["outcome"]["states"], gone),
        "apart_of": lambda one: told_apart(one["tally"], gone_of(predicate, one["name"])),
        "declared": declared,
        "reachable": reachable(declared),
        "stamped": stamp_trust(predicate),
        "titles": {one["name"]: one["title"] for one in declared.get("datasets", ())},
        "held_keys": held_keys(predicate, declared),
        "escrow": sum(bool(one["escrow"]) for one in declared.get("keys", ())),
        "losses": _losses(predicate),
        "beside": _beside(predicate),
        "mended": lambda look: _mended(predicate, look),
        "mended_objects": sum(
            one["gone"] + one["damaged"]
            for one in predicate.get("looks", ())
            if _mended(predicate, one)
        ),
        "retained": [
            one
            for one in predicate["plan"]["canonical"].get("datasets", ())
            if one.get("retention")
        ],
        "erased": _erased(predicate),
        "paces": [pace_bars(pace) for pace in predicate["paces"]],
        "ahead": ahead(predicate["paces"]),
        "prices": leaving_prices(predicate),
        "sizes": size_bars(predicate["manifest"]["sizes"]),
        "bases_ended": ended_bases(predicate),
        "packs_erased": pack_erased(predicate),
        "originals": originals_of(predicate),
        "switching": {one["batch"] for one in predicate["plan"]["canonical"].get("cutovers") or ()},
        "missed": missed_in,
        "still_there": _still_there,
        "unsafe": _unsafe(predicate),
        "uncontacted": UNCONTACTED,
        "vanished_rule": VANISHED[0],
        "shortfalls": _shortfalls(predicate),
        "undated": _undated(predicate),
        "claims": _claims(predicate),
        "batches": _batches(predicate),
    }


def _tone(verdict: OutcomeState, erased: ErasedObjects) -> str:
    """Return how a banner looks: what opens no more is not simply good any longer."""
    tone = _TONES.get(verdict, "unsure")
    return "unsure" if tone == "good" and erased.some else tone


def _excused(predicate: Predicate, unresolved: Mapping[str, int]) -> int:
    """Return how many findings signed waivers let go."""
    if not any(one["what"].startswith("finding.") for one in predicate["waivers"]):
        return 0
    found = sum(
        count
        for text, count in predicate["findings"]["codes"].items()
        if (code := Code.known(text)) is not None and code.severity is not Severity.NOTE
    )
    known = sum(count for text, count in unresolved.items() if Code.known(text) is not None)
    return max(0, found - known)


def _proven(predicate: Predicate) -> int:
    return int(predicate["outcome"]["levels"].get("full", {"objects": 0})["objects"])


def _doubts(
    predicate: Predicate, signer: SignedBy | TrustedKey | None, words: PageWords
) -> list[Markup]:
    """Return everything that the report does not prove, what is particular to this run first."""
    states = predicate["outcome"]["states"]
    lower = states["verified"]["objects"] - _proven(predicate)
    gone = gone_of(predicate)
    vanished, missing = gone["vanished"]["objects"], gone["lost"]["objects"]
    counted = {
        "not.failed": states["failed"]["objects"],
        "not.pending": states["pending"]["objects"],
        "not.lower": lower,
        "not.excluded": states["excluded"]["objects"] - vanished - missing,
        "not.vanished": vanished,
        "not.attested": how_many(predicate["findings"]["codes"], Code.ATTESTATION_OTHER),
        "not.adopted": how_many(predicate["findings"]["codes"], Code.ADOPTED),
        "not.before": how_many(predicate["findings"]["codes"], Code.TAKEN_OVER),
    }
    doubts = [words.say("not.draft")] if signer is None else []
    if predicate["rehearsal"]:
        doubts.append(words.say("not.rehearsal"))
    doubts += [words.say(key, n) for key, n in counted.items() if n]
    if predicate.get("erasures") or any(
        "requested" in one["times"] for one in predicate["cutovers"]
    ):
        doubts.append(words.say("not.physical"))
    always = ("not.alone", "not.source", "not.since", "not.when", "not.law")
    return doubts + [words.say(key) for key in always]


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
        and not (look["replaced"] or look["unread"] or look.get("lost") or look.get("beside"))
        and not any(one["failed"]["objects"] or one["pending"]["objects"] for one in tallies)
    )


def _still_there(look: StatedLook) -> int:
    """Return how many objects a look found as they were verified."""
    return look["objects"] - sum(look[kind] for kind in ("gone", "damaged", "replaced", "unread"))


def _unsafe(predicate: Predicate) -> dict[str, bool]:
    """Return the sides that were reached by HTTP without TLS, and whether that was this machine."""
    return {
        one["side"]: one["local"]
        for one in predicate["endpoints"]
        if one["requests"] and one["url"].lower().startswith("http://")
    }


def _beside(predicate: Predicate) -> dict[tuple[str, ...], list[str]]:
    """Return the approvers' keys that lay beside the plan, each set with the batches it is of."""
    found: dict[tuple[str, ...], list[str]] = {}
    for one in predicate["cutovers"]:
        if one["track"] == "cutover" and one.get("keys_beside"):
            found.setdefault(tuple(one["keys_beside"]), []).append(one["batch"])
    return found


def _erased(predicate: Predicate) -> dict[str, int]:
    """Return for how many batches a deletion at the source was begun, and for how many seen done.

    Done is what the source was asked about afterwards, and showed nothing of any more.
    """
    found = {"erased": 0, "observed": 0}
    for one in predicate["cutovers"]:
        if not any(name in one["times"] for name in ("erasing", "erased", "requested")):
            continue
        seen = (one["decommission"] or {}).get("observed")
        found["erased" if seen is None or remains_of(seen) else "observed"] += 1
    return found


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
    own = own_verified(predicate) or {"objects": 0, "bytes": 0}
    others = {unit: verified[unit] - claimed[unit] - own[unit] for unit in ("objects", "bytes")}
    asked = predicate["plan"]["canonical"].get("verify") or {}
    return {"claimed": claimed, "others": others, "how": asked.get("source", "once")}


def _batches(predicate: Predicate) -> list[dict[str, object]]:
    """Group the datasets by batch, in the plan's order, each with its sum."""
    grouped: dict[str, list[DatasetSection]] = {}
    left = predicate["exclusions"]
    for dataset in predicate["datasets"]:
        grouped.setdefault(dataset["batch"], []).append(dataset)
    return [
        {
            "name": name,
            "datasets": datasets,
            "tally": told_apart(
                add_up(item["tally"] for item in datasets),
                gone_in(
                    one for one in left if one["dataset"] in {item["name"] for item in datasets}
                ),
            ),
        }
        for name, datasets in grouped.items()
    ]
