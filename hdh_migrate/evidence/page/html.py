"""The report for people: one self-contained HTML page per language, from the bundle alone.

The page shows what statement, first findings and journal say, and nothing else. It has no scripts
and loads nothing. Whatever comes from outside (names, messages, addresses) passes `visible` and the
autoescape of the template engine, because that is what the engine does with every string that is
not ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from markupsafe import Markup

from hdh_migrate.codes import Code, Severity, how_many
from hdh_migrate.evidence.lines.endings import endings
from hdh_migrate.evidence.lines.finals import finals, undecided
from hdh_migrate.evidence.lines.gravest import GRAVE, OutcomeCounts, OutcomeState, gravest_first
from hdh_migrate.evidence.lines.left import left_to_do
from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.lines.planned import plan_of
from hdh_migrate.evidence.lines.stories import stories
from hdh_migrate.evidence.page.approved import agreed, by_key, duties_of, in_order
from hdh_migrate.evidence.page.at_source import at_source, nowhere_else, still_there
from hdh_migrate.evidence.page.charts import states_bar
from hdh_migrate.evidence.page.chronicle import NOTHING, Chronicle
from hdh_migrate.evidence.page.compiled import environment
from hdh_migrate.evidence.page.declared import countries, declared_of, reader_of, stamp_trust
from hdh_migrate.evidence.page.departed import bridges, departed, lines_lost
from hdh_migrate.evidence.page.endings import ending_said, ending_when
from hdh_migrate.evidence.page.erased import ERASED, ErasedObjects, erased_objects, packs_gone
from hdh_migrate.evidence.page.gone import gone_of, told_apart
from hdh_migrate.evidence.page.held import held_of
from hdh_migrate.evidence.page.holders import held_keys
from hdh_migrate.evidence.page.judged import judged
from hdh_migrate.evidence.page.owners import login_said, owned, working
from hdh_migrate.evidence.page.page_words import PageWords, meaning, unbroken
from hdh_migrate.evidence.page.readers import OVER, clashing, grant_lines
from hdh_migrate.evidence.page.references import references
from hdh_migrate.evidence.page.refused import refused
from hdh_migrate.evidence.page.rights import vanished_at_source
from hdh_migrate.evidence.page.sides import by_side, noted
from hdh_migrate.evidence.page.signing_keys import owner_of
from hdh_migrate.evidence.page.standing import Absences, standing_of
from hdh_migrate.evidence.page.stated import proven_objects, shown_of
from hdh_migrate.evidence.page.timeline import timeline
from hdh_migrate.evidence.page.waived import at_once, waiver_lines
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.evidence.verifier.members import FindingRecord, Predicate

_TONES = {
    **dict.fromkeys((OutcomeState.GOOD, OutcomeState.NOTED), "good"),
    **dict.fromkeys(GRAVE, "bad"),
}

_HEADING = re.compile(r'<h2 id="([a-z-]+)">')
"""A heading with its key in the catalogue; nothing else can look so, for the rest is escaped."""
_LED_TO = re.compile(r'<(?:h2|dt) id="([a-z.-]+)"')
"""A heading or a question of the first screen, with its key."""
_GROUPS = {
    "timeline": "group.story", "custody": "group.people", "basis": "group.law",
    "verification": "group.proof", "kept": "group.kept",
}  # fmt: skip
"""What the list of contents says before the first heading of each group; every page has these."""
_TEXT = re.compile(">[^<]+")
"""What stands behind a tag, up to the next one."""
_TYPED = re.compile("(<(?:code|pre)(?: [^>]*)?>)([^<]+)")
"""What somebody may type, behind its tag."""
_OPTION = re.compile(r"(?<![\w-])(?:hdh-migrate|--?[a-z][a-z-]{0,23})(?![\w-])")
"""Words that browsers would break at a hyphen: a line that ends with one is typed wrong."""
_AT = re.compile('<a class="at" href="#([a-z.-]+)">(.*?)</a>')
"""What a framework's table names, with the heading under which it stands, on pages that have it."""
_QUOTED = re.compile("«\u00a0[^«»]+\u00a0»|“[^“”]+”")
"""What stands in quotes, as a title does: none has quotes in it."""


class SignedBy(NamedTuple):
    """What a page shows of the key that signs."""

    key_id: str
    fingerprint: str


def render_report(
    predicate: Predicate,
    findings: Sequence[FindingRecord],
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
    over = [one for one in readers if one.stage in OVER and not one.at_host]
    stands = standing_of(predicate, unresolved, chronicle, signed=signer is not None)
    left = left_to_do(stands)
    declared = declared_of(predicate)
    keys = held_keys(predicate, declared).keys
    tasks = owned(left, declared, list(chronicle.logins), words, keys)
    sources = at_source(predicate, chronicle.passes)
    looks = chronicle.looks.beside(predicate.get("looks", []))
    absences = Absences.of(predicate, looks)
    ended = list(finals(predicate, chronicle.passed.finalized, chronicle.listed))
    (verdict, count), *others = gravest_first(OutcomeCounts.of(predicate, ended))
    erased = erased_objects(predicate, chronicle.grants)
    approvals = by_key(chronicle.approvals, stories(predicate))
    waivers = waiver_lines(chronicle.waivers, predicate)
    named = (*chronicle.logins, *(one.by for one in waivers), predicate["operator"])
    page = template.render(
        **_spoken(words),
        **shown_of(predicate),
        language=language,
        verdict=verdict,
        verdict_count=count,
        others=others,
        ended={one.batch: one for one in ended},
        since_switch=[one for one in ended if one.late or one.unlisted],
        undecided=undecided(predicate, ended),
        let_go=[one for one in ended if one.let_go],
        excused=_excused(predicate, unresolved),
        tone=_tone(verdict, erased) if signer else "draft",
        since_erased=erased,
        verdict_then=_then(verdict, erased),
        doubts=_doubts(predicate, signer, words),
        bar=states_bar(told_apart(predicate["outcome"]["states"], gone_of(predicate)), words.share),
        approvals=approvals,
        waivers=waivers,
        at_once=at_once,
        waived_by={one.by: one.by in chronicle.logins for one in waivers},
        duties=duties_of(
            signer.key_id if signer else None, approvals, (one.key_id for one in waivers)
        ),
        findings=findings,
        months=chronicle,
        passed=list(chronicle.passed.lines(words)),
        refused=list(refused(chronicle.refusals.lines, words, language)),
        timeline=timeline(predicate, chronicle, looks, waivers, words),
        endings=endings(stands),
        ending_said=partial(ending_said, words=words),
        ending_when=partial(ending_when, words=words),
        tasks=tasks,
        judged=judged(chronicle.harm, words),
        going=working(tasks, words),
        logins={one: login_said(one, declared, words) for one in named if one},
        ends=_ends(predicate, words),
        sources=sources,
        unlisted=[one.name for one in sources if one.stands == "unlisted"],
        absences=absences,
        departed=departed(predicate, findings),
        bridges=bridges(predicate, chronicle),
        lines_lost=lines_lost(predicate),
        at_source=still_there(sources),
        least=bool(chronicle.cut_off or chronicle.going_on),
        at_source_kept=any(one.after.changed for one in sources if one.after.observed),
        only_at_source=nowhere_else(predicate, sources, findings),
        shut_out=sum(bool(one.account.closed and not one.account.seen) for one in over),
        left_open=sum(one.account.closed is None for one in over),
        clashing=clashing(chronicle.erasing, readers),
        former={one["key"]: one["became"] for one in declared.get("former_keys", ())},
        errors=by_side(predicate["findings"]["codes"], chronicle.retried),
        notes=noted(predicate["findings"]["codes"]),
        packs_gone=packs_gone(predicate, chronicle.erasing),
        places=countries(declared, words.said),
        readers=readers,
        vanished=vanished_at_source(predicate, findings),
        headings=_HEADING.findall,
        GROUPS=_GROUPS,
        readers_c4gh=any(one.account.asked.reader.startswith("c4gh:") for one in readers),
        strange_readers=any(
            reader_of(one.account.asked.reader, declared) is None for one in readers
        ),
        readers_all=chronicle.grants.told,
        readers_given=chronicle.grants.readers,
        readers_revoked=chronicle.grants.revoked,
        references=references(),
        held=held_of(
            predicate,
            approvals,
            chronicle.harm,
            # A keyed bundle has the sums, and not the looks.
            mended=bool(absences.mended or (absences.back and not absences.unmended)),
            unmended=bool(absences.unmended or absences.missing),
            let_go=any(one.let_go for one in ended),
            grants=chronicle.grants.readers > 0,
            signed=signer is not None,
        ),
        signer=signer,
    )
    return _typed(_placed(_linked(page, words))).encode()


def _typed(page: str) -> str:
    """Keep each option of a command on one line."""
    return _TYPED.sub(
        lambda one: one[1] + _OPTION.sub(r'<span class="whole">\g<0></span>', one[2]), page
    )


def _placed(page: str) -> str:
    """Lead from what the table of frameworks names to its heading; print has the number of that."""
    numbers = {key: number for number, key in enumerate(_HEADING.findall(page), start=1)}
    there = {*_LED_TO.findall(page)}

    def placed(one: re.Match[str]) -> str:
        key, said = one[1], one[2]
        if key not in there:
            return said
        number = f'<span class="printed">\u00a0({numbers[key]})</span>' if key in numbers else ""
        return f'<a href="#{key}">{said}</a>{number}'

    return _AT.sub(placed, page)


def _linked(page: str, words: PageWords) -> str:
    """Lead from each title in quotes to where it stands, if the page has that; never in a tag."""
    titles = {
        f"{opening}{words.say(key)}{closing}": (
            f'{opening}<a href="#{key}">{words.say(key)}</a>{closing}'
        )
        for key in _LED_TO.findall(page)
        for opening, closing in (("«\u00a0", "\u00a0»"), ("“", "”"))
    }
    return _TEXT.sub(
        lambda text: _QUOTED.sub(lambda one: titles.get(one[0], one[0]), text[0]), page
    )


def _spoken(words: PageWords) -> dict[str, object]:
    """Return what templates say things with, in the language of the page."""
    return {
        "t": words.say,
        "number": words.number,
        "size": words.size,
        "decimal": words.decimal,
        "bound": words.bound,
        "moment": words.moment,
        "later_hour": words.later_hour,
        "day": words.day,
        "length": words.length,
        "period": words.period,
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
        "whole": Markup('<span class="whole">{}</span>').format,
        "claimed_moment": words.claimed_moment,
        "said": words.said,
        "unbroken": unbroken,
        "meaning": meaning,
        "message": words.message,
        "remedy": words.remedy,
        "rule": words.rule,
        "reason": words.reason,
        "agreed": agreed,
        "in_order": in_order,
        "owner_of": owner_of,
        "reader_of": reader_of,
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
