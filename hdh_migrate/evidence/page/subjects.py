"""What a page shows of statement and journal together, subject by subject, for its templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from markupsafe import Markup

from hdh_migrate.codes import Code, Severity, how_many
from hdh_migrate.evidence.lines.endings import endings
from hdh_migrate.evidence.lines.finals import finals, undecided
from hdh_migrate.evidence.lines.gravest import GRAVE, OutcomeCounts, OutcomeState, gravest_first
from hdh_migrate.evidence.lines.left import left_to_do
from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.lines.planned import plan_of
from hdh_migrate.evidence.lines.stories import stories
from hdh_migrate.evidence.page.approved import by_key, duties_of
from hdh_migrate.evidence.page.at_source import at_source, nowhere_else, still_there
from hdh_migrate.evidence.page.charts import states_bar
from hdh_migrate.evidence.page.chronicle import Chronicle
from hdh_migrate.evidence.page.declared import countries, declared_of, reader_of, stamp_trust
from hdh_migrate.evidence.page.departed import bridges, departed, lines_lost
from hdh_migrate.evidence.page.endings import ending_said, ending_when
from hdh_migrate.evidence.page.erased import ERASED, ErasedObjects, erased_objects, packs_gone
from hdh_migrate.evidence.page.gone import gone_of, told_apart
from hdh_migrate.evidence.page.held import held_of
from hdh_migrate.evidence.page.holders import held_keys
from hdh_migrate.evidence.page.judged import judged
from hdh_migrate.evidence.page.owners import for_controller, login_said, owned, working
from hdh_migrate.evidence.page.page_words import PageWords
from hdh_migrate.evidence.page.readers import OVER, clashing, grant_lines
from hdh_migrate.evidence.page.references import references
from hdh_migrate.evidence.page.refused import refused
from hdh_migrate.evidence.page.rights import vanished_at_source
from hdh_migrate.evidence.page.sides import by_side, noted
from hdh_migrate.evidence.page.signing_keys import SignedBy
from hdh_migrate.evidence.page.standing import Absences, standing_of
from hdh_migrate.evidence.page.stated import proven_objects
from hdh_migrate.evidence.page.timeline import timeline
from hdh_migrate.evidence.page.waived import at_once, waiver_lines
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.evidence.verifier.members import FindingRecord, Predicate

_TONES = {
    **dict.fromkeys((OutcomeState.GOOD, OutcomeState.NOTED), "good"),
    **dict.fromkeys(GRAVE, "bad"),
}


class Told:
    """All that a page is made of, with what several subjects make of it."""

    def __init__(
        self,
        predicate: Predicate,
        findings: Sequence[FindingRecord],
        signer: SignedBy | TrustedKey | None,
        chronicle: Chronicle,
        unresolved: Mapping[str, int],
        words: PageWords,
    ) -> None:
        """Take what `html.render_report` is given, and the words of the page's language."""
        self._predicate, self._findings, self._signer = predicate, findings, signer
        self._months, self._unresolved, self._words = chronicle, unresolved, words
        self._declared = declared_of(predicate)
        self._codes = predicate["findings"]["codes"]
        self._ended = list(finals(predicate, chronicle.passed.finalized, chronicle.listed))
        self._looks = chronicle.looks.beside(predicate.get("looks", []))
        self._waivers = waiver_lines(chronicle.waivers, predicate)
        self._approvals = by_key(chronicle.approvals, stories(predicate))

    def subjects(self) -> dict[str, object]:
        """Return everything, by the names that templates call it."""
        return {
            "months": self._months,
            "findings": self._findings,
            "signer": self._signer,
            **self._verdict(),
            **self._switches(),
            **self._agreement(),
            **self._work(),
            **self._story(),
            **self._trouble(),
            **self._at_source(),
            **self._readers(),
            **self._references(),
        }

    def _verdict(self) -> dict[str, object]:
        """Return what the banner says, and what the report does not prove."""
        predicate, words = self._predicate, self._words
        (verdict, count), *others = gravest_first(OutcomeCounts.of(predicate, self._ended))
        erased = erased_objects(predicate, self._months.grants)
        states = told_apart(predicate["outcome"]["states"], gone_of(predicate))
        return {
            "verdict": verdict,
            "verdict_count": count,
            "verdict_then": _then(verdict, erased),
            "others": others,
            "excused": _excused(predicate, self._unresolved),
            "tone": _tone(verdict, erased) if self._signer else "draft",
            "since_erased": erased,
            "doubts": _doubts(predicate, self._signer, words),
            "bar": states_bar(states, words.share),
        }

    def _switches(self) -> dict[str, object]:
        """Return the switches that are final, and in spite of what they were made so."""
        return {
            "ended": {one.batch: one for one in self._ended},
            "since_switch": [one for one in self._ended if one.late or one.unlisted],
            "undecided": undecided(self._predicate, self._ended),
            "let_go": [one for one in self._ended if one.let_go],
        }

    def _agreement(self) -> dict[str, object]:
        """Return who approved and waived what, and which duties one key has."""
        signing = self._signer.key_id if self._signer else None
        return {
            "approvals": self._approvals,
            "waivers": self._waivers,
            "at_once": at_once,
            "waived_by": {one.by: one.by in self._months.logins for one in self._waivers},
            "duties": duties_of(signing, self._approvals, (one.key_id for one in self._waivers)),
        }

    def _work(self) -> dict[str, object]:
        """Return what is left to do, by whom, and what ends when."""
        predicate, months, words = self._predicate, self._months, self._words
        stands = standing_of(predicate, self._unresolved, months, signed=self._signer is not None)
        keys = held_keys(predicate, self._declared).keys
        tasks = owned(left_to_do(stands), self._declared, list(months.logins), words, keys)
        named = (*months.logins, *(one.by for one in self._waivers), predicate["operator"])
        return {
            "tasks": tasks,
            "going": working(tasks, words),
            "brief_controller": for_controller(tasks, words),
            "logins": {one: login_said(one, self._declared, words) for one in named if one},
            "ends": _ends(predicate, words),
            "endings": endings(stands),
            "ending_said": partial(ending_said, words=words),
            "ending_when": partial(ending_when, words=words),
        }

    def _story(self) -> dict[str, object]:
        """Return what happened, by date, and what was refused or passed over."""
        months, words = self._months, self._words
        return {
            "passed": list(months.passed.lines(words)),
            "refused": list(refused(months.refusals.lines, words, words.language)),
            "timeline": timeline(self._predicate, months, self._looks, self._waivers, words),
        }

    def _trouble(self) -> dict[str, object]:
        """Return what went wrong on which side, and what somebody judged of losses."""
        return {
            "errors": by_side(self._codes, self._months.retried),
            "notes": noted(self._codes),
            "judged": judged(self._months.harm, self._words),
        }

    def _at_source(self) -> dict[str, object]:
        """Return what is still at the source, what left it, and what lies between."""
        predicate, months = self._predicate, self._months
        sources = at_source(predicate, months.passes)
        return {
            "sources": sources,
            "unlisted": [one.name for one in sources if one.stands == "unlisted"],
            "at_source": still_there(sources),
            "at_source_kept": any(one.after.changed for one in sources if one.after.observed),
            "only_at_source": nowhere_else(predicate, sources, self._findings),
            "vanished": vanished_at_source(predicate, self._findings),
            "departed": departed(predicate, self._findings),
            "bridges": bridges(predicate, months),
            "lines_lost": lines_lost(predicate),
            "least": bool(months.cut_off or months.going_on),
        }

    def _readers(self) -> dict[str, object]:
        """Return who may read, and who no longer may."""
        predicate, months, declared = self._predicate, self._months, self._declared
        readers = grant_lines(months.grants, predicate["times"]["written"])
        over = [one for one in readers if one.stage in OVER and not one.at_host]
        keys = [one.account.asked.reader for one in readers]
        return {
            "readers": readers,
            "readers_c4gh": any(one.startswith("c4gh:") for one in keys),
            "strange_readers": any(reader_of(one, declared) is None for one in keys),
            "shut_out": sum(bool(one.account.closed and not one.account.seen) for one in over),
            "left_open": sum(one.account.closed is None for one in over),
            "clashing": clashing(months.erasing, readers),
            "former": {one["key"]: one["became"] for one in declared.get("former_keys", ())},
            "packs_gone": packs_gone(predicate, months.erasing),
            "places": countries(declared, self._words.said),
        }

    def _references(self) -> dict[str, object]:
        """Return which points of which texts the bundle serves, and the looks that missed some."""
        absences = Absences.of(self._predicate, self._looks)
        return {
            "absences": absences,
            "references": references(),
            "held": held_of(
                self._predicate,
                self._approvals,
                self._months.harm,
                # A keyed bundle has the sums, and not the looks.
                mended=bool(absences.mended or (absences.back and not absences.unmended)),
                unmended=bool(absences.unmended or absences.missing),
                let_go=any(one.let_go for one in self._ended),
                grants=self._months.grants.readers > 0,
                signed=self._signer is not None,
            ),
        }


def _tone(verdict: OutcomeState, erased: ErasedObjects) -> str:
    """Return how a banner looks: what opens no more is not simply good any longer."""
    tone = _TONES.get(verdict, "unsure")
    return "unsure" if tone == "good" and erased.some else tone


def _ends(predicate: Predicate, words: PageWords) -> list[Markup]:
    """Return until when a migration lasts by its plan, and each batch that has a day of its own."""
    plan = plan_of(predicate)
    days = plan.get("planned")
    found = [] if days is None else [words.say("q.when.last", day=words.day(days["last_day"]))]
    for batch in plan.get("batches", ()):
        by = batch.get("done_by")
        if by is not None:
            said = words.moment(by) if "T" in by else words.day(by)
            found.append(words.say("q.when.done-by", name=visible(batch["name"]), day=said))
    return found


def _then(verdict: OutcomeState, erased: ErasedObjects) -> tuple[str, int]:
    """Return what a banner is called where headers were erased, and what it counts."""
    if erased.shut and f"{verdict}.then" in ERASED:
        return f"{verdict}.then", erased.shut
    if erased.going and f"{verdict}.going" in ERASED:
        return f"{verdict}.going", erased.going
    return verdict, 0


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


def _doubts(
    predicate: Predicate, signer: SignedBy | TrustedKey | None, words: PageWords
) -> list[Markup]:
    """Return everything that the report does not prove, what is particular to this run first."""
    states = predicate["outcome"]["states"]
    lower = states["verified"]["objects"] - proven_objects(predicate)
    gone = gone_of(predicate)
    vanished, missing = gone["vanished"]["objects"], gone["lost"]["objects"]
    counted = {
        "not.newest": predicate.get("fences", {"unknown": 0})["unknown"],
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
    asked = "not.when.asked" if stamp_trust(predicate) else "not.when"
    if predicate.get("erasures") or any("requested" in one["times"] for one in stories(predicate)):
        doubts.append(words.say("not.physical"))
    always = ("not.alone", "not.source", "not.since", asked, "not.law")
    return doubts + [words.say(key) for key in always]
