"""Two verifiers that share nothing but the document agree on every bundle, good or changed.

The first is the one that bundles carry; the second is tests/support/second_verifier.py. Each test
makes a family of bundles; a bundle that one verifier takes and the other refuses is an error in one
of them or in docs/evidence-format.md. Families that are large are drawn from, with a fixed seed;
HDH_TEST_DRAWS=0 takes them whole (some 170,000 bundles, an hour; give pytest --longest 0).
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.lines.facts import Endpoint, Facts, Loss, ObjectCounts, StepPace
from hdh_migrate.evidence.verifier.verify import CODES, DIVIDED, LATEST
from hdh_migrate.fixity import canonical_json
from hdh_migrate.model import key_text
from tests.unit.evidence.builders import (
    SOURCE,
    TARGET,
    at_places,
    bundle,
    dataset,
    excluding,
    exclusion,
    facts,
    failed,
    finding,
    pending,
    record,
    signer,
)
from tests.unit.evidence.forgery import JSONL, Case, Desk, Edit, Files, load, resummed

pytestmark = pytest.mark.slow

DRAWS = int(os.environ.get("HDH_TEST_DRAWS", "10"))
CODE = CODES[2]
DOCUMENTS = ("statement.json", "summary.json", "SHA256SUMS")


OPENING = {
    "at": "2026-03-02T10:00:00Z", "who": "claire@ops", "dataset": "pmsi", "object": 7,
    "reason": "ticket 4711",
}  # fmt: skip


def drawn(cases: Iterable[Any], count: int = DRAWS) -> list[Any]:
    """Give all cases, or a draw of them that is the same each time."""
    every = list(cases)
    whole = not DRAWS or count >= len(every)
    return every if whole else random.Random(len(every)).sample(every, count)


KEY_FILES = (
    ("keys/steward.pub", "c4gh:" + "3" * 16),
    ("keys/escrow.pub", "c4gh:" + "4" * 16),
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    tmp = tmp_path_factory.mktemp("second")
    keys = (signer(tmp, "one"), signer(tmp, "two"), signer(tmp, "three"))
    about = facts(
        dataset(3, 2010),
        dataset(3, 1020, name="scans", batch="imaging"),
        clock_offsets={SOURCE.url: 0.3, TARGET.url: -1e-07},
        openings=(OPENING, {**OPENING, "object": None, "reason": None}),
        files=tuple({"file": file, "recipient": key} for file, key in KEY_FILES),
    )
    bundle(
        tmp / "good",
        [
            record("a.csv", source_md5="0" * 32),
            record("é.csv"),
            record(key_text(b"a\xff"), dataset="scans"),
        ],
        about=about,
        exclusions=[
            exclusion("z"),
            exclusion("z", dataset="scans"),
            exclusion(key_text(b"z\xff"), dataset="scans"),
        ],
        findings=[finding()],
        signer=keys[0],
    )
    return Desk(tmp / "changed", load(tmp / "good"), keys)


# --- good bundles ---------------------------------------------------------------------------------


def keyed(number: int) -> str:
    return f"k:{sha256(bytes([number])).hexdigest()}"


SIZED = (
    sum((1 << power) - 1 for power in (0, 12, 16, 36, 63))
    + sum(1 << power for power in (12, 20, 24, 28, 32))
    + 2000
)
SCANS = dataset(2, name="scans", batch="imaging")
FLOATS = {
    f"https://b{number}.s3.fr-par.scw.cloud": value
    for number, value in enumerate((0.1 + 0.2, 1e-07, -1.5e300, 1e22, -0.0, 3, 5e-324))
}
SHAPES: dict[str, tuple[Facts, list[Any], list[Any]]] = {
    "two batches": (
        facts(dataset(2), SCANS),
        [record("a"), failed("b"), pending("x", dataset="scans"), record("y", dataset="scans")],
        [],
    ),
    "two datasets in a batch": (
        facts(dataset(2, name="a"), dataset(1)),
        [record("1", dataset="a"), record("2", dataset="a"), record("1")],
        [],
    ),
    "a plan in another order": (
        facts(SCANS, dataset(1)),
        [record("1"), record("1", dataset="scans"), record("2", dataset="scans")],
        [],
    ),
    "keyed names": (
        facts(dataset(3), names="keyed"),
        [record(key, target_key=key) for key in sorted(map(keyed, range(3)))],
        [],
    ),
    "keys that are not text": (
        facts(dataset(4)),
        [
            record(key_text(raw))
            for raw in (b"\x00\xc3", b"a\xed\xa0\x80", b"\xc3\xa9\xff", b"\xf0\x9f\x98")
        ],
        [],
    ),
    "keys that sort otherwise in UTF-16": (
        facts(dataset(3)),
        [record("\ue000"), record("\uffff"), record("\U00010000")],
        [],
    ),
    "nothing at all": (facts(), [], []),
    "an empty dataset": (facts(dataset(0)), [], []),
    "all excluded": (
        excluding(
            facts(dataset(3, 30)), ("_t/a", "scratch"), ("**/?", "other"), ("_t/**", "scratch")
        ),
        [],
        [
            exclusion("a", rule="exclude _t/a"),
            exclusion("b", rule="exclude **/?", reason="other"),
            exclusion("cc", rule="exclude _t/**"),
        ],
    ),
    "counts that do not close": (
        facts(dataset(9, closed=False)),
        [record("a")],
        [exclusion("b")],
    ),
    "an inventory that is open": (facts(dataset(1, closed=False)), [record("a")], []),
    "every verdict and size": (
        facts(dataset(12, SIZED)),
        [
            *(record(f"a{power:02}", size=(1 << power) - 1) for power in (0, 12, 16, 36)),
            failed("a63", size=(1 << 63) - 1, stored_size=None),
            *(record(f"b{power:02}", size=1 << power) for power in (12, 20, 24, 28, 32)),
            *(failed(f"c{verdict}", verdict=verdict) for verdict in ("drifted", "waived")),
        ],
        [],
    ),
    "floats and what is seldom said": (
        facts(
            dataset(1),
            clock_offsets=FLOATS,
            operator="o@h\x7f \u2028\U0001f600",
            previous_statement="0" * 64,
            capabilities={
                "": "",
                "endpoint": TARGET.url,
                "region": TARGET.region,
                "\uffff": {"a": [{"b": [[[0.5, None, True]]]}]},
                "\U0001f600": 1,
            },
            paces=tuple(
                StepPace(
                    step=step,
                    started="2026-03-02T10:15:00Z",
                    ended="2026-03-02T10:15:00Z",
                    seconds=0.25,
                    bins=(ObjectCounts(1, 1000), ObjectCounts(), ObjectCounts(), ObjectCounts()),
                )
                for step in ("transfer", "verify")
            ),
            losses=(Loss(dataset="pmsi", what="tags", objects=1, kept="ledger"),),
        ),
        [record("a")],
        [],
    ),
    "surrogates outside the lines": (
        facts(dataset(1), operator="o\udcff\x7f\x80\u00e9\U0001f600"),
        [record("a")],
        [],
    ),
    "a rehearsal": (
        at_places(
            facts(dataset(1)),
            Endpoint(side="source", kind="folder", url="folder:"),
            replace(TARGET, url="http://127.0.0.1:1"),
        ),
        [record("a")],
        [],
    ),
    "many lines": (
        facts(dataset(37)),
        [record(f"{number:02}", sha256=f"{number:064x}") for number in range(37)],
        [],
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_both_take_good_bundles_of_any_shape(desk: Desk, tmp_path: Path, shape: str) -> None:
    about, records, left = SHAPES[shape]
    told = [finding(), finding(dataset=None, key=None, step=None), finding("other")]
    key = desk.keys[0]

    made = bundle(
        tmp_path / "made", records, about=about, exclusions=left, findings=told, signer=key,
        languages=() if about.capabilities else ("fr", "en"),
    )  # fmt: skip
    bundle(tmp_path / "draft", records, about=about, exclusions=left, findings=told)

    assert desk.opinions(made.folder) == ([], [])
    assert list(map(len, desk.opinions(tmp_path / "draft"))) == [1, 1]


def test_both_take_a_long_journal_a_second_signature_and_a_stamp(desk: Desk) -> None:
    last = json.loads(desk.files["journal.jsonl"].splitlines()[-1])
    more = {**last, "kind": "k\x7f", "body": "{}", "digest": "0" * 64}
    events = desk.files["journal.jsonl"] + b"".join(
        canonical_json({**more, "seq": last["seq"] + n}) + b"\n" for n in range(1, 301)
    )
    signed = desk.signed(desk.files, desk.statement(), *desk.keys)

    assert desk.judge(desk.files) == ([], [])
    assert desk.forged({}) == desk.files
    assert desk.judge(desk.forged({"journal.jsonl": events})) == ([], [])
    assert desk.judge(signed, 3, [key.verifier for key in desk.keys]) == ([], [])
    assert desk.judge(resummed({**signed, "timestamp.tsr": b"\x30\x00"})) == ([], [])


# --- bytes ----------------------------------------------------------------------------------------


def flipped(content: bytes, at: int) -> bytes:
    """Flip one bit of one byte, another bit in each byte."""
    return content[:at] + bytes([content[at] ^ 1 << (at * 5 % 8)]) + content[at + 1 :]


def flips(desk: Desk, names: Iterable[str], count: int) -> list[tuple[str, Files]]:
    spots = drawn(((name, at) for name in names for at in range(len(desk.files[name]))), count)
    return [(f"{name} byte {at}", {name: flipped(desk.files[name], at)}) for name, at in spots]


def test_the_verifier_is_whole_as_it_is_now_or_as_it_was_before_it_was_divided(desk: Desk) -> None:
    def signed(files: Files) -> Files:
        statement = desk.statement()
        about = [one for one in statement["subject"] if one["name"] in files]
        about += [{**about[0], "name": name} for name in files.keys() - desk.files.keys()]
        return desk.signed(files, {**statement, "subject": about})

    def without(*names: str) -> Files:
        return signed({name: one for name, one in desk.files.items() if name not in names})

    whole = [
        ("now", without()),
        ("before waivers were signed", without(LATEST[0])),
        ("before approvals were signed", without(*LATEST)),
        ("before it was divided", without(*LATEST, *DIVIDED)),
    ]
    halves = [(name, without(name)) for name in CODE if name not in LATEST]
    halves.append(("undivided, with approvals", without(*DIVIDED)))
    halves.append(("with waivers, before approvals", without(LATEST[1])))
    mixed = [
        (f"before, and {name}", without(*LATEST, *(DIVIDED - {name}))) for name in sorted(DIVIDED)
    ]
    more = [("one more", signed({**desk.files, "more.py": b"more"}))]
    assert all(desk.agree(whole).values())
    assert not any(desk.agree([*halves, *mixed, *more]).values())


def test_a_flipped_byte_is_refused_by_both_with_sums_resealed_and_not(desk: Desk) -> None:
    small = [*flips(desk, [*JSONL, *DOCUMENTS], 2 * DRAWS), *flips(desk, CODE, DRAWS)]
    assert not any(desk.agree((at, {**desk.files, **one}) for at, one in small).values())
    sealed = [(at, resummed({**desk.files, **one})) for at, one in small if "SHA256SUMS" not in one]
    assert not any(desk.agree(sealed).values())


def test_a_flipped_byte_under_a_forged_statement_is_judged_alike(desk: Desk) -> None:
    lines = flips(desk, JSONL, 4 * DRAWS)
    verdicts = desk.agree((at, desk.forged(one)) for at, one in lines)
    assert set(verdicts.values()) == {True, False}


def test_a_flipped_byte_of_what_is_signed_is_judged_alike(desk: Desk) -> None:
    payload = canonical_json(desk.statement())
    envelope = desk.files["statement.json"]

    def sealed(content: bytes) -> Files:
        return resummed({**desk.files, "statement.json": content})

    spots = drawn(range(len(payload)), 4 * DRAWS)
    desk.agree((f"payload {at}", sealed(desk.wrapped(flipped(payload, at)))) for at in spots)
    spots = drawn([*range(16), *range(len(envelope) - 230, len(envelope))])
    lacking = ((f"without {at}", sealed(envelope[:at] + envelope[at + 1 :])) for at in spots)
    assert not any(desk.agree(lacking).values())


def test_a_file_cut_or_lengthened_is_refused_by_both(desk: Desk) -> None:
    def cases() -> Iterator[tuple[str, Files]]:
        for name in (*JSONL, *DOCUMENTS):
            content = desk.files[name]
            for end in sorted({0, 1, len(content) // 2, len(content) - 2, len(content) - 1}):
                yield f"{name} to {end}", {name: content[:end]}
            for tail in (b"\n", b" ", b"\x00", b"{}\n", b"\r\n", content):
                yield f"{name} with {tail[:9]!r}", {name: content + tail}

    changes = drawn(cases(), 2 * DRAWS)
    assert not any(desk.agree((at, {**desk.files, **one}) for at, one in changes).values())
    desk.agree((at, resummed({**desk.files, **one})) for at, one in changes)
    desk.agree((at, desk.forged(one)) for at, one in changes if not set(one) & set(DOCUMENTS))


# --- lines ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_lines_that_are_missing_moved_doubled_or_of_another_bundle_are_judged_alike(
    desk: Desk, tmp_path: Path
) -> None:
    about = facts(dataset(2), dataset(1, name="labs", batch="labs"))
    others = [pending("c", dataset="labs"), record("a"), record("b")]
    bundle(tmp_path / "other", others, about=about, findings=[finding(dataset=None, key=None)])
    other = load(tmp_path / "other")

    def cases() -> Iterator[tuple[str, Files]]:
        for name in JSONL:
            lines = desk.files[name].splitlines(keepends=True)
            foreign = other[name].splitlines(keepends=True)
            yield f"{name} emptied", {name: b""}
            yield f"{name} reversed", {name: b"".join(reversed(lines))}
            yield f"{name} of another", {name: other[name]}
            for at, line in enumerate(lines):
                rest = [*lines[:at], *lines[at + 1 :]]
                yield f"{name} without {at}", {name: b"".join(rest)}
                for to in range(len(lines)):
                    moved = [*rest[:to], line, *rest[to:]]
                    doubled = [*lines[:to], line, *lines[to:]]
                    yield f"{name} {at} moved to {to}", {name: b"".join(moved)}
                    yield f"{name} {at} doubled at {to}", {name: b"".join(doubled)}
                for which, one in enumerate(foreign):
                    put = [*lines[:at], one, *lines[at:]]
                    yield f"{name} with foreign {which} at {at}", {name: b"".join(put)}
        yield "statement of another", {"statement.json": other["statement.json"]}
        yield "summary of another", {"summary.json": other["summary.json"]}
        left = json.loads(desk.files["exclusions.jsonl"].splitlines()[0])
        moved = record(left["key"], dataset=left["dataset"])
        lines = [*desk.files["manifest.jsonl"].splitlines(), canonical_json(moved)]
        lines.sort(key=lambda line: (json.loads(line)["dataset"], json.loads(line)["key"]))
        yield "an object in both files", {"manifest.jsonl": b"\n".join([*lines, b""])}

    changes = drawn(cases(), 4 * DRAWS)
    desk.agree((at, resummed({**desk.files, **one})) for at, one in changes)
    taken = desk.agree((at, desk.forged(one)) for at, one in changes)
    assert set(taken.values()) == {True, False}


# --- values ---------------------------------------------------------------------------------------

PLAIN: tuple[Any, ...] = (
    *(True, False, None, 0, 1, -1, 1.0, -0.0, 0.5, 1e22, 2**53 + 1, 2**63 - 1, 2**63, 2**64),
    *("", "1", "x", "é", "\x00", "\x7f", "\ud800", "\x7f\udfff", "\U0001f600", " ", "\n"),
    *("2026-03-01T08:00:00Z", "2026-03-01T08:00:00.5+00:00", "2026-99-99T99:99:99Z"),
    *("2026-03-01", "2026-03-01T08:00:00", "2026-03-01T08:00:00+01:00", "2026-03-01T08:00:00z"),
    *("a" * 64, "A" * 64, "a" * 63, "a" * 32, "full", "stored", "head", "match", "Match", "waived"),
    *([], {}, ["x"], {"x": 1}, [{}], [None]),
)
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def neighbours(value: Any) -> Iterator[Any]:
    """Give values that are nearly this one."""
    if isinstance(value, bool):
        yield from (not value, int(value), str(value).lower())
    elif isinstance(value, int | float):
        yield from (value + 1, value - 1, float(value), -value, str(value), bool(value), [value])
    elif isinstance(value, str):
        yield from (value + "\n", " " + value, value.upper(), value[:-1], value + "\x00")
        yield from (value.translate(ARABIC), value[::-1], [value], {value: value}, value.title())
        yield from (value.replace("2", "\uff12"), value + "\ud800", "\ufeff" + value)
    elif isinstance(value, list):
        yield from (value[:-1], [*value, *value], value[::-1], dict.fromkeys(map(str, value)))
        yield from ([*value, one] for one in (None, {}, "x", 1))
    elif isinstance(value, dict):
        yield from ({**value, "more": one} for one in (None, 0, {}))
        yield from ({**value, "": 0}, list(value.values()), list(map(list, value.items())))
        yield from ({other: value[other] for other in value if other != name} for name in value)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    inner = value.items() if isinstance(value, dict) else ()
    for name, one in enumerate(value) if isinstance(value, list) else inner:
        yield from places(one, (*at, name))


def found(value: Any, at: tuple[Any, ...]) -> Any:
    for name in at:
        value = value[name]
    return value


def setting(at: tuple[Any, ...], value: Any) -> Edit:
    def edit(whole: Any) -> None:
        found(whole, at[:-1])[at[-1]] = deepcopy(value)

    return edit


def changes_of(whole: Any) -> Iterator[tuple[str, Edit]]:
    """Give each change of one value anywhere in a document."""
    for at in places(whole):
        if at:
            for value in (*PLAIN, *neighbours(found(whole, at))):
                yield f"{at} = {value!r}", setting(at, value)


def test_a_line_with_one_other_value_is_judged_alike(desk: Desk) -> None:
    files = {name: [json.loads(line) for line in desk.files[name].splitlines()] for name in JSONL}

    def forged(name: str, edit: Edit) -> Files:
        lines = deepcopy(files[name])
        edit(lines)
        return desk.forged({name: b"".join(canonical_json(line) + b"\n" for line in lines)})

    spots = [(name, what, edit) for name in JSONL for what, edit in changes_of(files[name])]
    changes = drawn(spots, 6 * DRAWS)
    taken = desk.agree((f"{name} {what}", forged(name, edit)) for name, what, edit in changes)
    assert set(taken.values()) == {True, False}


@pytest.mark.slow
def test_a_signed_statement_with_one_other_value_is_judged_alike(desk: Desk) -> None:
    harmless = ("another version", setting(("predicate", "tool", "version"), "9.9"))
    changes = [harmless, *drawn(changes_of(desk.statement()), 4 * DRAWS)]
    taken = desk.agree((at, desk.forged({}, edit)) for at, edit in changes)
    assert set(taken.values()) == {True, False}
    desk.agree((f"{at}, and so on", desk.forged({}, edit, last=False)) for at, edit in changes)


COUNTED = ("batches", "datasets", "exclusions", "findings", "journal", "manifest", "outcome")


def test_no_number_that_is_counted_may_be_another(desk: Desk) -> None:
    """Draws may miss a new one, and the second verifier would take it as it was told."""
    statement = desk.statement()
    changes = (
        (at, setting(at, found(statement, at) + 1))
        for at in places(statement)
        if at[:1] == ("predicate",) and at[1:2] and at[1] in COUNTED
        if type(found(statement, at)) is int
    )
    taken = desk.agree((str(at), desk.forged({}, edit)) for at, edit in changes)
    assert len(taken) > len(COUNTED)
    assert not any(taken.values()), [at for at, good in taken.items() if good]


def test_a_summary_or_an_envelope_with_one_other_value_is_judged_alike(desk: Desk) -> None:
    whole = {name: json.loads(desk.files[name]) for name in ("summary.json", "statement.json")}

    def sealed(name: str, edit: Edit) -> Files:
        changed = deepcopy(whole[name])
        edit(changed)
        files = {**desk.files, name: canonical_json(changed) + b"\n"}
        return desk.signed(files, desk.statement()) if name == "summary.json" else resummed(files)

    spots = [(name, what, edit) for name in whole for what, edit in changes_of(whole[name])]
    changes = drawn(spots, 3 * DRAWS)
    desk.agree((f"{name} {what}", sealed(name, edit)) for name, what, edit in changes)


# --- spellings ------------------------------------------------------------------------------------

SPELLINGS: dict[str, tuple[bytes, bytes]] = {
    "a space after a colon": (rb":", b": "),
    "a space after a comma": (rb",", b", "),
    "a space at the front": (rb"^", b" "),
    "a tab at the end": (rb"$", b"\t"),
    "a carriage return": (rb"$", b"\r"),
    "a line feed inside": (rb",", b",\n"),
    "a byte order mark": (rb"^", b"\xef\xbb\xbf"),
    "an escaped letter": (rb"pmsi", rb"pms\\u0069"),
    "an escaped solidus": (rb"/", rb"\\/"),
    "an escape beyond ASCII": (b"\xc3\xa9", rb"\\u00e9"),
    "a number with a point": (rb'(?<=\w"):(\d+)([,}])', rb":\1.0\2"),
    "a number with an exponent": (rb'(?<=\w"):(\d+)([,}])', rb":\1e0\2"),
    "a number with a zero in front": (rb'(?<=\w"):(\d+)([,}])', rb":0\1\2"),
    "a number with a plus": (rb'(?<=\w"):(\d+)([,}])', rb":+\1\2"),
    "a number as text": (rb'(?<=\w"):(\d+)([,}])', rb':"\1"\2'),
    "minus nothing": (rb'(?<=\w"):\d+([,}])', rb":-0\1"),
    "an Arabic digit": (rb'(?<=\w"):\d+([,}])', b":\xd9\xa3" + rb"\1"),
    "no number": (rb'(?<=\w"):\d+([,}])', rb":NaN\1"),
    "infinity": (rb'(?<=\w"):\d+([,}])', rb":Infinity\1"),
    "infinity in digits": (rb'(?<=\w"):\d+([,}])', rb":1e400\1"),
    "a longer float": (rb"0\.3", b"0.30"),
    "a float that reads the same": (rb"0\.3", b"0.30000000000000001"),
    "a float in another form": (rb"0\.3", b"3e-1"),
    "an exponent in upper case": (rb"1e-07", b"1E-07"),
    "an exponent of one digit": (rb"1e-07", b"1e-7"),
    "a float written out": (rb"1e-07", b"0.0000001"),
    "the same name twice": (rb'\{("\w+":(?:"[^"]*"|\d+|null)),', rb"{\1,\1,"),
    "a name twice, the other value first": (rb'\{("\w+":)', rb"{\1null,\1"),
    "names out of order": (rb'\{("\w+":[^{}\[,]+),("\w+":[^{}\[,]+),', rb"{\2,\1,"),
    "a comma at the end": (rb"\}$", b",}"),
    "a comment": (rb"^", b"/**/"),
    "a quote of another kind": (rb'"pmsi"', b"'pmsi'"),
    "a control character": (rb"pmsi", b"pm\x01si"),
    "an escape in upper case": (rb"pmsi", rb"pm\\u001Fsi"),
    "an escape that has a short form": (rb"pmsi", rb"pm\\u000asi"),
    "a pair of escapes": (rb"pmsi", rb"pm\\ud83d\\ude00si"),
    "an escaped DEL": (rb"pmsi", rb"pm\\u007fsi"),
    "half a pair": (rb"pmsi", b"pm\xed\xa0\x80si"),
    "a pair of halves": (rb"pmsi", b"pm\xed\xa0\xbd\xed\xb8\x80si"),
    "UTF-8 that is too long": (rb"pmsi", b"pm\xc1\xa1si"),
    "bytes that are no UTF-8": (rb"pmsi", b"pm\xffsi"),
    "Latin 1": (b"\xc3\xa9", b"\xe9"),
}


@pytest.mark.parametrize("name", [*JSONL, "summary.json", "statement.json", "payload"])
@pytest.mark.slow
def test_both_refuse_another_spelling_of_the_same(desk: Desk, name: str) -> None:
    def sealed(changed: bytes) -> Files:
        if name == "payload":
            return resummed({**desk.files, "statement.json": desk.wrapped(changed)})
        if name == "statement.json":
            return resummed({**desk.files, name: changed})
        return desk.forged({name: changed})

    def cases() -> Iterator[Case]:
        source = canonical_json(desk.statement()) if name == "payload" else desk.files[name]
        first, feed, rest = source.partition(b"\n")
        for what, (pattern, put) in SPELLINGS.items():
            changed = re.sub(pattern, put, first, count=1)
            if changed != first:
                yield what, sealed(changed + feed + rest)
        for code in ("utf-16-le", "utf-16", "utf-32-be"):
            yield code, sealed(source.decode().encode(code))

    taken = desk.agree(cases())
    assert len(taken) > 9
    assert not any(taken.values())


# --- signatures -----------------------------------------------------------------------------------


def test_a_key_counts_once_by_its_own_name_and_until_its_last_day(desk: Desk) -> None:
    one, two, three = (key.verifier for key in desk.keys)
    a, b, c = desk.keys
    ended, last = replace(one, until="2026-03-01"), replace(one, until="2026-03-02")
    trusts = ([one], [two], [ended], [last], [one, two], [ended, two, three], [one, one])
    seen = set()
    for keys in ((a,), (b,), (a, b), (c, a, b)):
        signed = desk.signed(desk.files, desk.statement(), *keys)
        for trusted in trusts:
            for threshold in (1, 2, 3):
                case = f"{len(keys)} signed, {trusted}, {threshold}"
                seen |= set(
                    desk.agree([(case, signed)], threshold=threshold, trusted=trusted).values()
                )
    assert seen == {True, False}


def spelled(text: str) -> Iterator[str]:
    """Give what is not quite this base64."""
    yield from (text + "=", text.rstrip("="), text + "\n", "\n" + text, text[:9] + " " + text[9:])
    yield from (text[:-1] + "A", text[4:], text + "AAAA", text + "====", "\x00" + text, "", "=")
    yield from (text.replace("A", "-"), text[:8] + "*" + text[8:], text[:5] + "\u00e9" + text[6:])
    yield text.translate({ord("+"): "-", ord("/"): "_"}) if set("+/") & set(text) else "-_"


def test_a_payload_that_is_no_statement_is_no_evidence(desk: Desk) -> None:
    """Signed or not: of `null` nothing was judged once, so that nothing was wrong either."""
    good = json.loads(desk.files["statement.json"])

    def cases() -> Iterator[Case]:
        for text in (b"null", b"[]", b"{}", b'""', b"0", b"1", b"false", b"true", b""):
            mine = json.loads(desk.wrapped(text))
            for who, envelope in (("mine", mine), ("nobody's", {**mine, **signatures})):
                sealed = {"statement.json": canonical_json(envelope) + b"\n"}
                yield f"{text!r}, {who}", resummed({**desk.files, **sealed})

    signatures = {"signatures": good["signatures"]}
    assert not any(desk.agree(cases()).values())


def test_an_envelope_in_another_form_is_judged_alike(desk: Desk) -> None:
    good = json.loads(desk.files["statement.json"])
    mine, payload = good["signatures"][0], good["payload"]
    keyid, sig, other = mine["keyid"], mine["sig"], "ed25519:" + "0" * 16
    raw = base64.b64decode(sig)
    order = 2**252 + 27742317777372353535851937790883648493  # RFC 8032: S is below it
    beyond = raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    loose = sig[:-3] + chr(ord(sig[-3]) + 1) + "=="  # unused bits that are not zero

    def signatures() -> Iterator[Any]:
        yield from ([], {}, None, [mine, mine], [[mine]], [{}], [None], ["x"], {"0": mine})
        yield from ([{"sig": sig}], [{"keyid": keyid}], [{**mine, "cert": ""}])
        for name in (
            keyid.upper(),
            keyid[:-1],
            keyid + "0",
            keyid[8:],
            "witness",
            "",
            other,
            None,
            1,
        ):
            yield from ([{"keyid": name, "sig": sig}], [mine, {"keyid": name, "sig": sig}])
        for value in (*spelled(sig), loose, base64.b64encode(beyond).decode(), None, 1):
            yield [{"keyid": keyid, "sig": value}]
            yield [mine, {"keyid": other, "sig": value}]
        yield [mine, {"keyid": desk.keys[1].key_id, "sig": sig}]
        yield [{"keyid": other, "sig": sig}, mine]

    def envelopes() -> Iterator[Any]:
        yield from ({**good, "signatures": value} for value in signatures())
        yield from ({**good, "payload": value} for value in spelled(payload))
        kinds = ("application/json", "application/vnd.in-toto+json ", "", None, 1)
        yield from ({**good, "payloadType": value} for value in kinds)
        statement = desk.statement()
        for draft in (True, False, None, 1, 1.0, "true"):
            yield from ({"draft": draft, "statement": statement}, {**good, "draft": draft})
        yield {"draft": True, "statement": statement, "signatures": []}
        yield from ({"draft": True, "statement": value} for value in (None, [], {}, payload))
        yield from (statement, [good], None, "x", {})

    taken = desk.agree(
        (
            str(value)[-300:],
            resummed({**desk.files, "statement.json": canonical_json(value) + b"\n"}),
        )
        for value in envelopes()
    )
    assert set(taken.values()) == {True, False}


# --- what a statement claims ----------------------------------------------------------------------

URLS = (
    *(
        "/data",
        "data/x",
        "file:///data",
        "x:y",
        "//localhost/x",
        "http://:80",
        "http://[",
        "http://]",
    ),
    *("http://LOCALHOST:1", "http://a.LocalHost", "http://localhost.", "http://notlocalhost"),
    *(
        "http://user@localhost",
        "http://localhost@host.example",
        "http://127.1",
        "http://0x7f.0.0.1",
    ),
    *("http://127.9.9.9:80/x", "http://127.0.0.01", "http://128.0.0.1", "http://0.0.0.0"),
    *("http://[::1]:80", "http://[0:0::1]", "http://[::1%25lo]", "http://[::ffff:127.0.0.1]"),
    *("http://[::2]", "http://\uff11\uff12\uff17.0.0.1", "https://s3.example", "http://\ud800"),
)


NO_URLS = {
    *("http://[", "http://]", "http://127.1", "http://0x7f.0.0.1", "http://127.0.0.01"),
    *("http://\uff11\uff12\uff17.0.0.1",),
}


def address(url: str, local: bool) -> Edit:
    def edit(whole: Any) -> None:
        places = whole["predicate"]["endpoints"]
        places[0].update(url=url, local=local)
        whole["predicate"]["plan"]["canonical"]["source"]["account_url"] = url
        whole["predicate"]["rehearsal"] = all(place["local"] for place in places)

    return edit


def test_an_address_is_local_for_both_or_for_none(desk: Desk, tmp_path: Path) -> None:
    """Of a run that has not ended, so that no traffic says where the address led to."""
    unused = {"bytes_read": 0, "bytes_written": 0, "requests": 0, "addresses": ()}
    ends = tuple(replace(end, **unused) for end in (SOURCE, TARGET))
    about = facts(dataset(1), ended_at=None, endpoints=ends)
    bundle(tmp_path / "good", [record()], about=about, signer=desk.keys[0])
    quiet = Desk(tmp_path / "changed", load(tmp_path / "good"), desk.keys)
    assert quiet.judge(quiet.files) == ([], [])
    taken = quiet.agree(
        (f"{url} {local}", quiet.forged({}, address(url, local), last=False))
        for url in URLS
        for local in (True, False)
    )
    local = {url for url in URLS if taken[f"{url} True"]}
    refused = {url for url in URLS if not taken[f"{url} True"] and not taken[f"{url} False"]}
    assert len(local) == 16
    assert refused == NO_URLS


def test_a_plan_that_is_odd_is_judged_alike(desk: Desk) -> None:
    def planned(change: Callable[[Any, Any], object]) -> Edit:
        def edit(whole: Any) -> None:
            plan = whole["predicate"]["plan"]["canonical"]
            change(plan["datasets"], plan["batches"])

        return edit

    x = {"name": "x", "datasets": ["pmsi"]}
    edits: dict[str, Callable[[Any, Any], object]] = {
        "in a second batch": lambda _, batches: batches.append(x),
        "in an earlier batch": lambda _, batches: batches.insert(0, x),
        "twice in its batch": lambda _, batches: batches[0]["datasets"].append("pmsi"),
        "a batch of the unknown": lambda _, batches: batches.append({**x, "datasets": ["x"]}),
        "an empty batch": lambda _, batches: batches.append({**x, "datasets": []}),
        "in no batch": lambda _, batches: batches.pop(),
        "a dataset more": lambda datasets, _: datasets.append({"name": "x", "target": {}}),
        "a dataset twice": lambda datasets, _: datasets.append(datasets[0]),
        "another order": lambda datasets, _: datasets.reverse(),
        "no name": lambda datasets, _: datasets.append({}),
        "a field more": lambda datasets, _: datasets[0].update(include=["**"]),
        "a target's field": lambda datasets, _: datasets[0]["target"].update(more=1),
        "another bucket": lambda datasets, _: datasets[0]["target"].update(bucket="x"),
        "another prefix": lambda datasets, _: datasets[0]["target"].update(prefix="x/"),
        "no prefix": lambda datasets, _: datasets[0]["target"].pop("prefix"),
        "no datasets": lambda datasets, _: datasets.clear(),
        "not a batch": lambda _, batches: batches.append(None),
        "a number in a batch": lambda _, batches: batches[0]["datasets"].append(1),
    }
    taken = desk.agree(
        (what, desk.forged({}, planned(change), last=False)) for what, change in edits.items()
    )
    good = {what for what, holds in taken.items() if holds}
    assert good == {"an empty batch", "another order", "a field more", "a target's field"}


def test_keys_of_files_are_told_of_those_that_the_plan_names_for_signatures(desk: Desk) -> None:
    def telling(files: Sequence[str], fingerprint: str = "ab" * 32) -> Edit:
        def edit(whole: Any) -> None:
            plan = whole["predicate"]["plan"]
            plan["canonical"] |= {
                "approvals": {"keys": ["b.pub"], "threshold": 1}, "waivers": {"keys": ["a.pub"]},
                "cutovers": [{"batch": "pilot", "decommission": {"trust": ["c.pub"]}}],
            }  # fmt: skip
            plan["digest"]["sha256"] = sha256(canonical_json(plan["canonical"])).hexdigest()
            told = [{"file": one, "fingerprint": fingerprint} for one in files]
            whole["predicate"]["signing_keys"] = told

        return edit

    cases = {
        "all": telling(["a.pub", "b.pub", "c.pub"]), "one is away": telling(["a.pub", "c.pub"]),
        "in the plan's order": telling(["b.pub", "a.pub"]), "twice": telling(["a.pub", "a.pub"]),
        "another": telling(["a.pub", "d.pub"]), "no digest": telling(["a.pub"], "ed25519:ab"),
    }  # fmt: skip
    taken = desk.agree(
        (what, desk.forged({}, change, last=False)) for what, change in cases.items()
    )
    assert [what for what, holds in taken.items() if holds] == ["all", "one is away"]


def test_a_statement_that_claims_other_than_the_lines_is_refused_by_both(desk: Desk) -> None:
    more = {"objects": 3, "bytes": 3000}
    told = [{"file": file, "recipient": key} for file, key in KEY_FILES]
    claims: dict[str, tuple[tuple[Any, ...], Any]] = {
        "proven": (("outcome", "proven"), False),
        "proven batch": (("batches", 0, "proven"), False),
        "incomplete": (("outcome", "complete"), False),
        "records": (("manifest", "records"), 4),
        "root": (("manifest", "merkle_root"), "0" * 64),
        "root of a batch": (("batches", 1, "merkle_root"), "0" * 64),
        "tree": (("manifest", "tree"), "rfc6962"),
        "digests": (("manifest", "digests", "source_md5"), 3),
        "sizes": (("manifest", "sizes", 0), {"below": 4096, **more, "objects": 9}),
        "a bound": (("manifest", "sizes", 0, "below"), 4097),
        "a larger object": (("manifest", "largest"), 1001),
        "no object": (("manifest", "largest"), None),
        "the tool's own": (("datasets", 0, "own"), {"objects": 1, "bytes": 1000}),
        "fewer files of keys": (("seal", "files"), told[:1]),
        "files in another order": (("seal", "files"), told[::-1]),
        "a file of no recipient": (("seal", "files", 0, "recipient"), "c4gh:" + "5" * 16),
        "one recipient in two files": (("seal", "files", 0, "recipient"), told[1]["recipient"]),
        "a file that the plan does not name": (("seal", "files", 0, "file"), "keys/other.pub"),
        "no key for signatures": (("signing_keys",), []),
        "a key for signatures that the plan does not name": (
            ("signing_keys",),
            [{"file": "keys/other.pub", "fingerprint": "ab" * 32}],
        ),
        "verified": (("datasets", 0, "tally", "verified"), more),
        "excluded": (("outcome", "states", "excluded"), more),
        "inventoried": (("datasets", 0, "tally", "inventoried"), more),
        "does not close": (("datasets", 0, "tally", "closes"), False),
        "open": (("datasets", 0, "closed"), False),
        "another batch": (("datasets", 0, "batch"), "imaging"),
        "another name": (("datasets", 0, "name"), "other"),
        "another bucket": (("datasets", 0, "target", "bucket"), "other"),
        "verdicts": (("outcome", "verdicts"), {"match": more, "none": {"objects": 0, "bytes": 0}}),
        "levels": (("outcome", "levels"), {"stored": more}),
        "no exclusions": (("exclusions",), []),
        "no findings": (("findings",), {"total": 0, "codes": {}}),
        "a code": (("findings", "codes", "other"), 0),
        "events": (("journal", "events"), 2),
        "events that are no integer": (("journal", "events"), 3.0),
        "head": (("journal", "head"), "0" * 64),
        "rehearsal": (("rehearsal",), True),
        "local": (("endpoints", 0, "local"), True),
        "plan digest": (("plan", "digest", "sha256"), "0" * 64),
        "migration": (("migration",), "other"),
    }
    taken = desk.agree(
        (what, desk.forged({}, setting(("predicate", *at), value)))
        for what, (at, value) in claims.items()
    )
    assert not any(taken.values())


def test_subjects_are_judged_alike(desk: Desk) -> None:
    no_digest = {"digest": {"sha256": "0" * 64}}
    changes: dict[str, Callable[[Any], object]] = {
        "another order": lambda it: it.append(it.pop(1)),
        "the manifest last": lambda it: it.reverse(),
        "one twice": lambda it: it.append(it[1]),
        "one more": lambda it: it.append({"name": "timestamp.tsr", **no_digest}),
        "itself": lambda it: it.append({"name": "statement.json", **no_digest}),
        "one missing": lambda it: it.pop(),
        "none": lambda it: it.clear(),
        "a uri": lambda it: it[1].update(uri="x"),
        "another digest": lambda it: it[1].update(no_digest),
        "two digests": lambda it: it[1]["digest"].update(sha512="0" * 128),
        "a digest of another kind": lambda it: it[1].update(digest={"sha512": "0" * 128}),
        "upper case": lambda it: it[1]["digest"].update(sha256=it[1]["digest"]["sha256"].upper()),
    }

    def edited(change: Callable[[Any], object]) -> Files:
        def edit(whole: Any) -> None:
            change(whole["subject"])

        return desk.forged({}, edit)

    taken = desk.agree((what, edited(change)) for what, change in changes.items())
    assert [what for what, good in taken.items() if good] == ["another order"]


# --- the folder -----------------------------------------------------------------------------------


def test_files_that_are_missing_foreign_or_otherwise_listed_are_judged_alike(desk: Desk) -> None:
    text = desk.files["SHA256SUMS"]
    sums = text.splitlines(keepends=True)

    def cases() -> Iterator[Case]:
        for name in desk.files:
            rest = {other: desk.files[other] for other in desk.files if other != name}
            yield f"no {name}", rest
            yield f"no {name}, sealed", rest if name == "SHA256SUMS" else resummed(rest)
            yield f"{name} by another name", resummed({**rest, f"{name}~": desk.files[name]})
            if name.endswith(".py"):
                told = desk.statement()
                told["subject"] = [one for one in told["subject"] if one["name"] != name]
                yield f"no {name}, signed", desk.signed(rest, told)
        for name in (
            "x",
            "report.html",
            "report.FR.html",
            "report.fra.html",
            "report.\u00e9\u00e9.html",
        ):
            yield name, resummed({**desk.files, name: b"x"})
        for name in ("report.fr.html", "timestamp.tsr", ".hidden", "manifest.jsonl~", "\n"):
            yield name, resummed({**desk.files, name: b""})
            yield f"{name}, unsealed", {**desk.files, name: b""}
        for what, listed in {
            "reversed": b"".join(reversed(sums)),
            "upper case": text.upper(),
            "one space": text.replace(b"  ", b" "),
            "binary": text.replace(b"  ", b" *"),
            "CRLF": text.replace(b"\n", b"\r\n"),
            "no end": text[:-1],
            "one missing": b"".join(sums[1:]),
            "one twice": sums[0] + text,
            "itself": b"0" * 64 + b"  SHA256SUMS\n" + text,
            "empty": b"",
        }.items():
            yield what, {**desk.files, "SHA256SUMS": listed}

    taken = desk.agree(cases())
    assert [what for what, good in taken.items() if good] == [
        "no judgements.py, signed",  # as a bundle of an earlier version
        "timestamp.tsr",
    ]


def test_links_and_folders_are_refused_by_both(desk: Desk, tmp_path: Path) -> None:
    assert desk.judge(desk.files) == ([], [])
    for name in desk.files:
        folder = tmp_path / f"with {name}"
        shutil.copytree(desk.folder, folder)
        (folder / name).rename(tmp_path / name)
        (folder / name).symlink_to(tmp_path / name)
        assert all(desk.opinions(folder))
        (folder / name).unlink()
        (folder / name).mkdir()
        assert all(desk.opinions(folder))


def test_lines_and_nesting_at_the_limits_are_judged_alike(desk: Desk) -> None:
    def cases() -> Iterator[Case]:
        events = desk.files["journal.jsonl"]
        event = {**json.loads(events.splitlines()[-1]), "kind": "x", "body": '{"x":""}'}
        event["seq"] += 1
        short = len(canonical_json(event)) + 1
        for length in (1 << 20, (1 << 20) + 1):
            body = '{"x":"%s"}' % ("x" * (length - short))
            line = canonical_json({**event, "body": body}) + b"\n"
            yield f"a line of {length}", desk.forged({"journal.jsonl": events + line})
        statement = desk.statement()
        statement["predicate"]["profile"] = {"a": 0, "name": TARGET.kind}
        payload = canonical_json(statement)
        for depth in (90, 50_000):
            deep = b'"profile":{"a":%b%b,' % (b"[" * depth, b"]" * depth)
            nested = desk.wrapped(payload.replace(b'"profile":{"a":0,', deep))
            yield f"{depth} deep", resummed({**desk.files, "statement.json": nested})
        there = sum(payload.count(mark) for mark in (b",", b"[", b"{"))
        for marks in (2_097_152, 2_097_153):
            many = b'"profile":{"a":"%b",' % (b"," * (marks - there))
            filled = desk.wrapped(payload.replace(b'"profile":{"a":0,', many))
            yield f"{marks} marks", resummed({**desk.files, "statement.json": filled})

    assert desk.agree(cases()) == {
        "a line of 1048576": True,
        "a line of 1048577": False,
        "90 deep": True,
        "50000 deep": False,
        "2097152 marks": True,
        "2097153 marks": False,
    }
