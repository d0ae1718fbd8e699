"""Findings say on a French page what they say in English, and nothing there is English."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape

from hdh_migrate.codes import Code, Severity
from hdh_migrate.evidence.page.messages import FORMS, french
from hdh_migrate.evidence.page.messages.form import MessageForm
from hdh_migrate.evidence.page.messages.remedies import said_remedy
from hdh_migrate.evidence.page.messages.stores import TERMS
from tests.support.every import every
from tests.support.examples import many
from tests.support.filled_forms import filled
from tests.support.written_messages import unread, written_messages
from tests.unit.evidence.builders import bundle, dataset, exclusion, facts, finding, record, signer

ENGLISH = re.compile(
    r"\b(the|of|is|not|was|with|and|that|which|by|are|were|for|from|this|has|have|been|object|it"
    r"|objects|none|there|until|target|because|its|you|no|nobody|somebody|another|than|to|be)\b",
    re.IGNORECASE,
)
"""Words that no French sentence of the page has; technical words stand in an element of theirs."""

PLACED: dict[str, Any] = {
    "number": "7", "size": "2048", "moment": "2026-11-26T10:00:00Z", "word": "mot",
    "numbers": "1, 2", "name": "claire", "quoted": "une raison", "terms": "3 snapshots (5 bytes)",
    "message": "it is leased",
}  # fmt: skip


APART = frozenset({"code", "pre", "style"})
"""Elements whose texts a reader does not take for words of the page."""


class Seen(HTMLParser):
    """The text of a page that a reader takes for its words: without code, styles and examples."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._apart = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._apart += tag in APART

    def handle_endtag(self, tag: str) -> None:
        self._apart -= tag in APART

    def handle_data(self, data: str) -> None:
        if not self._apart and data.strip():
            self.words.append(" ".join(data.split()))


def english_in(page: str) -> list[str]:
    return english_among(Seen(page).words)


def english_among(texts: Iterable[str]) -> list[str]:
    """Return the texts of a page that have an English word."""
    return [words for words in texts if ENGLISH.search(words)]


def example(form: MessageForm) -> str:
    """Return one message of a form."""
    terms = {"term": next(term for term in TERMS if "lease" in term)}
    return filled(form, **{name: {**PLACED, **terms}[kind] for name, kind in form.kinds.items()})


LEASE = "a lease: somebody may still be writing"


def page_of(tmp_path: Path, findings: list[dict[str, Any]], language: str = "fr") -> str:
    made = bundle(
        tmp_path / "bundle", [record("a.csv")], about=facts(dataset(2, 2000)),
        signer=signer(tmp_path), findings=findings, languages=(language,),
        exclusions=[exclusion("_t/b.csv", rule="exclude **/_t/**", reason="brouillon")],
    )  # fmt: skip
    return (made.folder / f"report.{language}.html").read_text()


@pytest.mark.slow
def test_every_message_that_this_tool_writes_is_said_in_french() -> None:
    assert len(written_messages()) > 140
    lacking = "\n".join(unread(french))
    assert not lacking, (
        "write each in words that have a form already, or give it a form or a term, with its French"
        f" (hdh_migrate/evidence/page/messages/found.py, stores.py):\n{lacking}"
    )


def test_a_form_reads_its_own_message_and_says_it_without_english() -> None:
    for form in FORMS:
        said = french(example(form))
        assert said is not None, form.en
        assert english_in(f"<p>{said}</p>") == [], form.en
        read = form.read(example(form))
        assert read is not None or not form.kinds, form.en
        for name, kind in form.kinds.items():
            assert read is not None
            assert read[name].kind == kind, (form.en, name)


OF_ONE = re.compile(
    r"(?:^|[^\d.])1 (?:\w+ )??(?:objects|keys|versions|names|values|attempts|times|tags"
    r"|datasets|processes|machines|snapshots|blobs|ones|are|were|have)\b"
)
"""One of something in words for several: `1 objects have`."""
OF_SEVERAL = re.compile(
    r"(?:^|[^\d.])[02] (?:\w+ )??(?:object|key|version|name|value|attempt|time|tag|dataset"
    r"|machine|snapshot|blob|one|is|was|has)\b"
)
"""None or two of something in words for one: `2 object has`."""


def with_count(form: MessageForm, n: int) -> str:
    """Return a message of a form in which every number is this one."""
    terms = {"term": next(term for term in TERMS if "lease" in term)}
    counts = {"number": str(n), "numbers": ", ".join(map(str, range(1, max(n, 1) + 1)))}
    counted = {**PLACED, **terms, **counts, "terms": "1 snapshot, 2 snapshots"}
    return filled(form, **{name: counted[kind] for name, kind in form.kinds.items()})


@pytest.mark.parametrize("n", [0, 1, 2])
def test_words_agree_with_their_numbers_in_both_languages(n: int) -> None:
    for form in FORMS:
        message = with_count(form, n)
        if form not in EARLIER:
            assert not OF_ONE.search(message), message
            assert not OF_SEVERAL.search(message), message
        assert form.read(message) is not None, message
        said = squeezed(str(french(message)))
        assert said != "None", message
        several = r"(?:^|\D)[01] (?:\w+ )?\w+(?:s|x) (?:ont|sont|étaient|ne sont)\b"
        assert not re.search(several, said), said
        assert not re.search(r"(?:^|\D)2 \w+ (?:a|est|n'est|était)\b", said), said


EARLIER = [form for form in FORMS if re.search(r"of \{sent:number\} tags are", form.en)]
"""Sentences that are read and not written any more."""


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\u2019", "'"))


def test_what_earlier_versions_wrote_of_one_is_read() -> None:
    for form in FORMS:
        several = re.sub(r"\[[^|\]]+\|([^|\]]+)\]", r"\1", form.en)
        message = filled(
            MessageForm(several, form.fr),
            **{name: "1" if kind == "number" else PLACED[kind] if kind != "term" else LEASE
               for name, kind in form.kinds.items()}
        )  # fmt: skip
        assert form.read(message) is not None, message


@pytest.mark.slow
def test_no_message_is_written_with_words_for_several_alone() -> None:
    """Where a number stands before a word for several, `counted` has one for one, too."""
    several = r" (?:\w+ )??(objects|keys|versions|names|values|attempts|times|tags|datasets)\b"
    written = written_messages()
    alone = []
    for one in written:
        for at, piece in enumerate(one.pieces[1:], start=1):
            found = re.match(several, piece)
            if found is None or one.pieces[at - 1].endswith("most "):
                continue
            word = found[1].removesuffix("s")
            if not any(
                other.where == one.where and re.match(rf" (?:\w+ )??{word}\b", other_piece)
                for other in written
                for other_piece in other.pieces[1:]
            ):
                alone.append(f"{one.where}: {one.text}")
    assert alone == []


@settings(max_examples=many(15))
@given(n=st.integers(0, 10**15), batch=st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True))
def test_what_is_filled_into_a_form_is_read_back(n: int, batch: str) -> None:
    for form in FORMS:
        own = {"number": str(n), "size": str(n), "word": batch, "name": batch, "quoted": batch}
        values = {
            name: own.get(kind, PLACED.get(kind, "a target object"))
            for name, kind in form.kinds.items()
        }
        read = form.read(filled(form, **values))
        assert read is not None
        assert {name: one.text for name, one in read.items()} == values


def test_no_two_forms_have_the_same_words() -> None:
    first = {
        form.en: next(one for one in FORMS if one.read(example(form)) is not None) for form in FORMS
    }
    assert {en: found.en for en, found in first.items()} == {en: en for en in first}


def test_every_code_is_told_on_a_french_page_without_english(tmp_path: Path) -> None:
    codes = list(Code)
    known = [example(form) for form in FORMS if example(form)]
    page = page_of(
        tmp_path,
        [
            finding(str(code), message=known[at % len(known)], key=None)
            for at, code in enumerate(codes)
        ],
    )

    assert all(f"<code>{code}</code>" in page for code in codes)
    assert english_in(page) == []


def test_every_message_is_told_on_a_french_page_without_english(tmp_path: Path) -> None:
    page = page_of(tmp_path, [finding("drifted", message=example(form)) for form in FORMS])

    assert english_in(page) == []
    assert "en anglais" not in page


def test_a_message_of_another_version_is_named_and_not_shown(tmp_path: Path) -> None:
    found = [finding(str(code), message="the moon was not there", key=None) for code in Code]
    page = page_of(tmp_path, found)

    assert "moon" not in page
    assert english_in(page) == []
    number = "le texte d\u2019origine, en anglais, est le constat n\u00ba\u00a01 de"
    assert number in page


def test_an_english_page_has_the_message_as_it_is_stored(tmp_path: Path) -> None:
    assert "the moon was not there" in page_of(
        tmp_path, [finding("drifted", message="the moon was not there")], "en"
    )


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (f"1 objects have {LEASE}", "1\u00a0objet a un bail\u00a0: quelqu\u2019un"),
        (f"1200 objects have {LEASE}", "1\u202f200\u00a0objets ont un bail"),
        ("not moved: 1 earlier versions", "\u00a0: 1 version antérieure"),
        ("a target object: SlowDown (HTTP 503)", "</code> (HTTP\u00a0503)"),
        ("not moved: 3 snapshots (1536 bytes)", "déplacés\u00a0: 3 instantanés (1,5\u00a0Kio)"),
        ("it is kept until 2027-01-01T00:00:00Z, not as planned", "1er\u00a0janvier\u00a02027"),
    ],
)  # fmt: skip
def test_parameters_are_written_as_a_french_reader_expects_them(message: str, said: str) -> None:
    assert said in str(french(message))


WRITTEN = [form for form in FORMS if {"name", "quoted"} & set(form.kinds.values())]
"""Forms in which stands what a person, or a store, wrote."""


@pytest.mark.slow
@pytest.mark.parametrize("form", WRITTEN, ids=lambda form: form.en[:50])
def test_what_a_person_wrote_makes_no_other_sentence_of_a_message(form: MessageForm) -> None:
    """The reason of an acceptance that ended like another finding became that finding."""
    whole = str(french(example(form)))
    for name, kind in form.kinds.items():
        if kind not in {"name", "quoted"}:
            continue
        begins = "exclude " if name == "rule" else ""  # a rule's name begins so, whatever its glob
        for other in FORMS:
            for put in ("{}", "x; {}"):
                said = begins + put.format(example(other))
                if kind == "name":
                    said = said.replace(":", "").replace(";", "")
                values = {one: PLACED.get(of, "") for one, of in form.kinds.items()}
                told = french(filled(form, **{**values, name: said}))
                assert str(told) == whole.replace(PLACED[kind], str(escape(said)))


@pytest.mark.parametrize(
    "message",
    [
        "it is kept until 2027-13-45T00:00:00Z, not as planned",  # no day
        "9" * 30 + " objects have a lease: somebody may still be writing",
        "a strange object: NoSuchKey (HTTP 404)",
        "not moved: 3 dragons",
        "; ".join(["it is leased"] * 40),
        "the target does not show its tags: " * 30,
    ],
)
def test_what_fits_no_form_is_not_said_at_all(message: str) -> None:
    assert french(message) is None


def test_markup_in_a_parameter_stays_text() -> None:
    said = str(french("accepted by <b>eve</b>: <script>alert(1)</script> `x` {n}"))

    assert "<script>" not in said
    assert "<b>" not in said
    assert "{n}" in said


@every("code", [one for one in Code if one.severity is Severity.FINDING])
def test_what_is_safe_and_what_to_do_is_said_in_french_with_the_same_commands(code: Code) -> None:
    found = said_remedy(code)

    assert found is not None
    assert (found.safe.en, found.next.en) == (code.about.remedy.safe, code.about.remedy.next)
    for text in (found.safe, found.next):
        words = re.sub(r'"hdh-migrate [^"]*"|`[^`]*`|[(]Undelete Blob[)]', "", text.fr)
        assert not ENGLISH.search(words), words
        commands = [set(re.findall(r'"(hdh-migrate [^"]*)"', one)) for one in (text.fr, text.en)]
        assert commands[0] == commands[1]
    assert said_remedy("leased") is said_remedy("of-another-version") is None
