"""The two verifiers agree on bundles of the first format: section 11."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.fixity import canonical_json
from tests.support.second_verifier import ALL_OR_NONE, SINCE_THE_SECOND
from tests.unit.evidence.builders import signer
from tests.unit.evidence.forgery import JSONL, Desk, Files, load, resummed
from tests.unit.evidence.test_second_opinion import DRAWS, changes_of, drawn

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parents[2] / "golden" / "evidence-v1" / "bundle"
Lines = dict[str, list[Any]]
Change = Callable[[Lines, Any], object]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The bundle that was kept, signed by somebody whose key we have."""
    tmp = tmp_path_factory.mktemp("first")
    made = Desk(tmp / "changed", load(GOLDEN), (signer(tmp, "one"),))
    made.files = made.signed(made.files, made.statement())
    return made


def changed(desk: Desk, change: Change) -> Files:
    lines = {name: [json.loads(one) for one in desk.files[name].splitlines()] for name in JSONL}
    statement = desk.statement()
    change(lines, statement["predicate"])
    put = {name: b"".join(canonical_json(one) + b"\n" for one in lines[name]) for name in JSONL}
    return desk.forged(put, lambda whole: whole.update(statement), last=False)


def judged(desk: Desk, changes: dict[str, Change]) -> list[str]:
    taken = desk.agree((what, changed(desk, change)) for what, change in changes.items())
    return [what for what, good in taken.items() if good]


def refused(desk: Desk, changes: dict[str, tuple[Change, str]]) -> None:
    wrong = []
    for what, (change, words) in changes.items():
        first, other = desk.judge(changed(desk, change))
        if not first or not any(words in one for one in other):
            wrong.append(f"{what}: {first} / {other}")
    assert not wrong, "\n".join(wrong)


def line(number: int, name: str = "manifest.jsonl", /, **values: Any) -> Change:
    return lambda lines, _: lines[name][number].update(values)


def event(kind: str, body: str = "{}", at: str = "x") -> Change:
    def edit(lines: Lines, _: Any) -> None:
        events = lines["journal.jsonl"]
        more = {"seq": len(events) + 1, "at": at, "kind": kind, "body": body}
        events.append({**more, "digest": "0" * 64})

    return edit


SWITCHED = {"switched": "2026-03-02T08:00:13Z"}
OF_NO_TERMS = {"terms_changes": [], "terms": None, "approved_under": {}}


def cut(**values: Any) -> Change:
    """Let one cutover be told, with these members."""
    told = {"batch": "pilot", "track": "cutover", **values}
    return lambda _, predicate: predicate.update(cutovers=[told])


def offset(number: Any) -> Change:
    return lambda _, told: told["times"]["clock_offsets"].update(other=number)


def globbed(glob: Any) -> Change:
    """Exclude by this glob, too."""

    def edit(_: Lines, predicate: Any) -> None:
        excluded = predicate["plan"]["canonical"]["datasets"][1]
        excluded["exclude"] = [{"glob": glob, "reason": "x"}]

    return edit


def test_both_take_what_was_kept(desk: Desk) -> None:
    assert desk.judge(desk.files) == ([], [])
    assert changed(desk, lambda *_: None) == desk.files


def test_what_the_first_format_allows(desk: Desk) -> None:
    waits = [
        number
        for number, one in enumerate(desk.files["manifest.jsonl"].splitlines())
        if json.loads(one)["verdict"] is None
    ]
    good: dict[str, Change] = {
        "something known of what waits": line(waits[0], sha256="11" * 32),
        "no losses": lambda _, told: told.update(losses=[]),
        "a loss of something else": lambda _, told: told["losses"][0].update(what="x"),
        "a loss kept elsewhere": lambda _, told: told["losses"][0].update(kept="ledger"),
        "an event of any text": event("x", "no JSON", "no time"),
        "a finding of nothing": line(1, "findings.jsonl", key="nowhere"),
        "a finding of no dataset": line(0, "findings.jsonl", dataset="nowhere"),
        "a finding of later": line(0, "findings.jsonl", at="2999-01-01T00:00:00Z"),
        "a traffic that nobody told": lambda _, told: told["endpoints"][1].update(requests=9),
        "a cutover that nobody told": lambda _, told: told.update(
            cutovers=[{"batch": "pilot", "track": "cutover"}]
        ),
        "a cutover that nobody approved": cut(times=SWITCHED),
        "one that was approved": cut(times=SWITCHED, approvals={"cutover": []}, **OF_NO_TERMS),
        "a rehearsal that nobody approved": cut(track="rehearsal", times=SWITCHED, **OF_NO_TERMS),
        "the largest number": offset(2**63 - 1),
        "the least number": offset(1 - 2**63),
        "a larger decimal": offset(1e300),
        "a glob that begins with a mark": globbed("!x"),
        "a glob with brackets": globbed("[x]{y}\\z"),
        "the lines of findings in another order": lambda lines, _: lines[
            "findings.jsonl"
        ].reverse(),
    }
    assert judged(desk, good) == [*good]


def test_what_the_first_format_refuses(desk: Desk) -> None:
    later = "an event of the second format"
    cases: dict[str, tuple[Change, str]] = {
        f"an event {kind}": (event(kind), later)
        for kind in ("failed", "findings", "inventory-changed", "ledger-upgraded", "retried")
    }
    cases |= {
        "an inventory of later": (event("inventoried", '{"excluded":{}}'), later),
        "the word anywhere": (event("inventoried", 'x "excluded":'), later),
        "an event of no text": (event("x", ""), "body"),
        "no events": (lambda lines, _: lines["journal.jsonl"].clear(), "empty"),
        "a version of an exclusion": (
            line(0, "exclusions.jsonl", source_version="x"), "other fields"
        ),
        "a numbered finding": (line(0, "findings.jsonl", number=1), "other fields"),
        "a severity": (line(0, "findings.jsonl", severity="note"), "other fields"),
        "fences": (
            lambda _, told: told.update(fences={"ours": 1, "unknown": 0}), "an unknown member"
        ),
        "openings": (lambda _, told: told.update(openings=[]), "an unknown member"),
        "other digests": (
            lambda _, told: told["verification"].update(sha256_taken_in_transfer=9), "digests"
        ),
        "a loss twice": (
            lambda _, told: told["losses"].append(told["losses"][0]), "losses: one twice"
        ),
        "a loss of more": (
            lambda _, told: told["losses"][0].update(objects=6), "losses: of more"
        ),
        "a cutover of no batch": (
            lambda _, told: told.update(cutovers=[{"batch": "x", "track": "cutover"}]),
            "cutovers: batch",
        ),
        "a cutover of terms that nobody approved": (
            cut(times=SWITCHED, approvals={}, **OF_NO_TERMS), "no approval to cutover"
        ),
        "a cutover of terms without times": (cut(approvals={}, **OF_NO_TERMS), "cutovers: times"),
        "a number that is too large": (offset(2**63), "not number"),
        "a number that is too low": (offset(-(2**63)), "not number"),
        "a glob that leaves a line behind": (globbed("**"), "a rule leaves it behind"),
        "a directory that is none": (
            line(0, "exclusions.jsonl", rule="directory", reason="x"), "not the rule"
        ),
        "another migration": (lambda _, told: told.update(migration="x"), "migration"),
    }  # fmt: skip
    refused(desk, cases)

    def claim(whole: Any) -> None:
        whole["predicate"]["manifest"]["claimed"] = {"objects": 0, "bytes": 0}

    assert all(desk.judge(desk.forged({}, claim)))


def test_the_first_format_tells_neither_of_files_of_keys_nor_of_the_tools_own(
    desk: Desk,
) -> None:
    def own(whole: Any) -> None:
        whole["predicate"]["datasets"][0]["own"] = {"objects": 0, "bytes": 0}

    def files(whole: Any) -> None:
        seal = whole["predicate"]["seal"]
        named = whole["predicate"]["plan"]["canonical"]["seal"].get("recipients") or []
        told = zip(named, seal["recipients"], strict=True)
        seal["files"] = [{"file": file, "recipient": key} for file, key in told]

    def signing(whole: Any) -> None:
        plan = whole["predicate"]["plan"]["canonical"]
        (name, *_) = (plan.get("approvals") or {"keys": ["a.pub"]})["keys"]
        whole["predicate"]["signing_keys"] = [{"file": name, "fingerprint": "ab" * 32}]

    for change in (own, files, signing):
        assert all(desk.judge(desk.forged({}, change))), change.__name__


def test_the_first_format_knows_of_no_looks(desk: Desk) -> None:
    look = {
        "batch": "pilot", "number": 1, "level": "full", "at": "2026-10-01T10:00:00Z",
        "objects": 3, "gone": 0, "damaged": 0, "replaced": 0, "unread": 0, "ended": True,
    }  # fmt: skip
    for looks in ([], [look]):
        ours, other = desk.judge(changed(desk, lambda _, told, put=looks: told.update(looks=put)))
        assert any("knows of no looks" in one for one in ours)
        assert other


def test_a_level_that_needs_no_digest_counts_it_all_the_same(desk: Desk) -> None:
    """The two counts add up to the verified lines, with a `sha256` or not."""

    def stored(lines: Lines, told: Any) -> None:
        told["verification"]["level"] = "stored"
        told["plan"]["canonical"]["verify"]["level"] = "stored"
        for one in lines["manifest.jsonl"]:
            if one["verdict"] == "match":
                one.update(level="stored", sha256=None)

    assert judged(desk, {"no digests": stored}) == ["no digests"]


def test_one_object_inventoried_is_complete(desk: Desk) -> None:
    """A batch of which all was left behind is complete; one of no object is not."""

    def excluded(lines: Lines, told: Any) -> None:
        lines["manifest.jsonl"][:5] = []
        told["datasets"][0]["tally"]["inventoried"] = {"objects": 1, "bytes": 40}
        told["losses"][:1] = []
        told["verification"].update(sha256_taken_in_transfer=0, sha256_taken_in_verify=0)

    def empty(lines: Lines, told: Any) -> None:
        excluded(lines, told)
        lines["exclusions.jsonl"].clear()
        told["datasets"][0]["tally"]["inventoried"] = {"objects": 0, "bytes": 0}

    for change, complete in ((excluded, True), (empty, False)):
        files = changed(desk, change)
        made = Desk(desk.folder, files, desk.keys)
        assert made.statement()["predicate"]["batches"][0]["complete"] is complete
        assert desk.judge(files) == ([], [])


def test_files_and_pages_of_the_first_format(desk: Desk) -> None:
    other = {"report.fr.html": b"a page of another statement"}
    assert desk.judge(desk.forged(other)) == ([], [])
    for name in SINCE_THE_SECOND | ALL_OR_NONE:
        added = resummed({**desk.files, name: b""})
        assert all(desk.judge(added))
    for name in ("verify.py", "stamp.py", "sample.py"):
        rest = {other: content for other, content in desk.files.items() if other != name}
        assert all(desk.judge(resummed(rest)))


def test_one_other_value_is_judged_alike(desk: Desk) -> None:
    for name in (*JSONL, "predicate"):

        def change(edit: Any, name: str = name) -> Change:
            return lambda lines, told: edit(told if name == "predicate" else lines[name])

        whole = desk.statement()["predicate"]
        if name != "predicate":
            whole = [json.loads(one) for one in desk.files[name].splitlines()]
        cases = []
        for what, edit in drawn(changes_of(whole), DRAWS):
            try:
                cases.append((f"{name} {what}", changed(desk, change(edit))))
            except (TypeError, ValueError, AttributeError):
                continue
        desk.agree(cases)
