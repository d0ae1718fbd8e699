"""What is left to do, as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup, escape

from hdh_migrate.codes import Code
from hdh_migrate.evidence.lines.left import LeftTask, LeftToDo
from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.page.text import Text, Words

_CODED = frozenset({LeftTask.FINDING, LeftTask.WAIVER})
"""Things that are called by a code."""

_COUNTED = frozenset({
    LeftTask.BREACH, LeftTask.ABSENCE, LeftTask.ABSENT, LeftTask.LET_GO, LeftTask.CHANGED,
    LeftTask.LATE,
})  # fmt: skip
"""Things of which the number of objects is said, not that of names."""

_KEYED = frozenset({
    LeftTask.KEY, LeftTask.KEY_STORED, LeftTask.HOLDER, LeftTask.OLD_KEY, LeftTask.KEYS_BESIDE,
    LeftTask.GRANT_OPEN, LeftTask.GRANT_UNSET, LeftTask.GRANT_SEEN, LeftTask.GRANT_LASTS,
    LeftTask.GRANT_STALE, LeftTask.PLAIN,
})  # fmt: skip
"""Things whose names are for machines: keys, files, grants, addresses."""

NAMED = 5
"""Of more batches, or keys, the others are counted."""

_DAYS = frozenset({LeftTask.BASIS, LeftTask.DONE_WITHOUT, LeftTask.ATTESTATION, LeftTask.WAIVER})
"""Things that end with a day; other times are moments."""

_EXCHANGING: Final[Mapping[str, str]] = {
    "keys rotate": "keys rotate PLAN --from FILE --to FILE --execute",
    "reseal": "reseal PLAN --execute",
}
"""How help writes what goes on with an exchange of keys."""


def told(one: LeftToDo, words: Words, *, marked: bool = True) -> Markup:
    """Return one thing that is left to do as a sentence; `marked`: codes stand in elements."""
    key, n, values = f"left.{one.task}", len(one.names), dict[str, object]()
    if one.over and one.task is not LeftTask.DONE_WITHOUT:
        key += ".over"
    elif one.at is None and one.task in {LeftTask.RELIST, LeftTask.READ_BACK}:
        key += ".never"
    elif one.awaits:
        key += ".awaits"
    if one.each:
        values["what"], n = _listed_each(one, words), one.count
    elif one.task in _CODED:
        key += ".lost" if one.task is LeftTask.FINDING else ""
        n = one.count
        values |= _called(one, words, marked=marked)
    else:
        values["names"] = _listed(one.names, words, marked=marked and one.task in _KEYED)
    if one.task in _COUNTED:
        n = one.count
    if one.acts:
        values["acts"] = Markup(", ").join(
            words.say("left.act.run" if act == "run" else f"approval.{act}") for act in one.acts
        )
    if one.count:
        values["objects"] = words.say("n.objects", one.count)
    if one.at is not None:
        values["at"] = words.day(one.at) if one.task in _DAYS else words.moment(one.at)
    return _with_verb(one, words.say(key, n, **values), words, marked=marked)


def _with_verb(one: LeftToDo, said: Markup, words: Words, *, marked: bool) -> Markup:
    """Return the sentence with the verb that does it, or with why none would."""
    if one.awaits:
        return said
    if one.unplanned:
        return words.say("left.unplanned", said=said)
    goes_on = one.task in {LeftTask.ROTATION, LeftTask.ROTATED}
    verb = _EXCHANGING.get(one.names[0], one.names[0]) if goes_on else one.task.verb
    if verb is None:
        return said
    verb = f"hdh-migrate {verb}"
    shown = Markup('<code class="whole">{}</code>').format(verb) if marked else verb
    return words.say("left.verb", said=said, verb=shown)


def _called(one: LeftToDo, words: Words, *, marked: bool) -> dict[str, object]:
    """Return how a thing is called that has a code: by the code, and what it means."""
    code = one.names[0]
    about = words.condition(code) if one.task is LeftTask.WAIVER else _meant(code, words)
    if marked and about is not None:  # a page has the code beside the finding itself
        return {"code": about, "about": ""}
    shown = Markup('<code class="whole">{}</code>').format(visible(code)) if marked else code
    return {"code": shown, "about": "" if about is None else Markup(" ({})").format(about)}


def _listed_each(one: LeftToDo, words: Words) -> Markup:
    """Return findings by what their codes mean, each with how many there are."""
    return Markup(", ").join(
        words.say("left.finding.each", many, what=_meant(code, words))
        for code, many in zip(one.names, one.each, strict=True)
    )


def _meant(code: str, words: Words) -> Markup:
    """Return what a finding's code means; that of another version is shown as it is."""
    known = Code.known(code)
    if known is None:
        return escape(visible(code))
    return words.said(Text(fr=known.about.fr, en=known.about.en))


def _listed(names: tuple[str, ...], words: Words, *, marked: bool) -> object:
    shown: object = ", ".join(names[:NAMED])
    if marked:
        each = (Markup("<code>{}</code>").format(visible(name)) for name in names[:NAMED])
        shown = Markup(", ").join(each)
    more = len(names) - NAMED
    return words.say("left.more", more, shown=shown) if more > 0 else shown
