"""What a bundle's verifier takes, and refuses, of batches that were bound and amended."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.signing import load_trusted_key, new_report_key
from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.forms import Wrong
from hdh_migrate.evidence.verifier.journal import Journal
from hdh_migrate.evidence.verifier.planned import StatedPlan
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.report import write_report
from tests.support.quiet import Notes
from tests.unit.session.test_amend import Months, exclude

D = "ab" * 32
KEYS = ["11" * 32, "22" * 32]
BOUND = ("batch-bound", {"batch": "b", "revision": 1, "digest": D})


def amended(**more: Any) -> tuple[str, dict[str, Any]]:
    return "batch-amended", {
        "batch": "b", "revision": 2, "digest": D, "moved_before": {"d": 1}, **more
    }  # fmt: skip


def read(folder: Path, *events: tuple[str, dict[str, Any]], keyed: bool = False) -> Journal:
    head, text = bytes(32), b""
    for seq, (kind, body) in enumerate(events, start=1):
        told = [seq, "2026-11-23T00:00:00Z", kind, forms.canonical(body).decode()]
        head = hashlib.sha256(head + forms.canonical(told)).digest()
        line = dict(zip(("seq", "at", "kind", "body"), told, strict=True))
        text += forms.canonical({**line, "digest": head.hex()}) + b"\n"
    path = folder / "journal.jsonl"
    path.write_bytes(text)
    journal = Journal({"d": "b"}, 2, keyed=keyed)
    journal.read(path)
    return journal


def test_revisions_recipients_and_what_was_moved_before_are_taken(tmp_path: Path) -> None:
    bound = ("bound", {"recipients": KEYS, "first": True})
    more = amended(recipients=[*KEYS, "33" * 32])
    told = read(tmp_path, bound, BOUND, more)
    assert told.bindings.batches == {"b": (2, D)}
    assert told.bindings.sealed_for == {2, 3}
    assert told.bindings.moved_before == {"d": 1}
    assert told.bindings.recipients is not None
    assert len(told.bindings.recipients) == 3


def test_keyed_names_tell_how_many_and_no_more(tmp_path: Path) -> None:
    told = read(tmp_path, ("bound", {"recipients": 2}), BOUND, amended(recipients=3), keyed=True)
    assert told.bindings.sealed_for == {2, 3}


@pytest.mark.parametrize(
    "events",
    [
        (amended(),),
        (BOUND, BOUND),
        (("batch-bound", {**BOUND[1], "revision": 2}),),
        (BOUND, amended(revision=3)),
        (BOUND, amended(revision=True)),
        (BOUND, amended(digest="x")),
        (BOUND, amended(moved_before={"nobody": 1})),
        (BOUND, amended(moved_before={"d": -1})),
        (("bound", {"recipients": KEYS}), BOUND, amended(recipients=KEYS[:1])),
        (("bound", {"recipients": KEYS}), BOUND, amended(recipients=["zz"])),
        (("bound", {"recipients": {}}),),
        (("bound", {"recipients": dict.fromkeys(KEYS)}),),
    ],
)
def test_batches_that_tell_something_impossible_are_refused(
    tmp_path: Path, events: tuple[tuple[str, dict[str, Any]], ...]
) -> None:
    with pytest.raises(Wrong, match="not what an event of this kind may say here"):
        read(tmp_path, *events)


def line(key: str, size: int, recipients: int) -> dict[str, Any]:
    return {
        "dataset": "d", "key": key, "size": size, "source_version": "v", "source_modified": None,
        "source_md5": None, "sha256": D, "bucket": "x", "target_key": f"{key}.c4gh",
        "stored_size": 16 + 108 * recipients + size + 28, "stored_sha256": "cd" * 32,
        "target_etag": "e", "level": "full", "verdict": "match",
        "verified_at": "2026-11-23T00:00:00Z",
    }  # fmt: skip


@pytest.fixture
def planned() -> StatedPlan:
    plan = {
        "seal": {"format": "crypt4gh", "recipients": ["a", "b", "c"]}, "verify": {"level": "full"},
        "source": {"kind": "folder"},
        "datasets": [
            {"name": "d", "source": {"path": "p"}, "target": {"bucket": "x", "prefix": ""},
             "exclude": [{"glob": "tmp/**", "reason": "scratch"}]},
        ],
    }  # fmt: skip
    times = {"started": "2026-11-22T00:00:00Z", "written": "2026-11-24T00:00:00Z"}
    return StatedPlan({"plan": {"canonical": plan}, "names": "plain", "times": times}, 2)


def test_so_many_as_were_moved_before_their_rule_and_no_more(planned: StatedPlan) -> None:
    planned.amended({"d": 1}, {3})
    planned.record(line("tmp/one", 9, 3), "line 1")
    with pytest.raises(Wrong, match="line 2: the plan leaves this object behind"):
        planned.record(line("tmp/two", 9, 3), "line 2")


def test_it_may_be_sealed_for_those_of_then_and_for_nobody_else(planned: StatedPlan) -> None:
    planned.amended({}, {2, 3})
    for many in (2, 3):
        planned.record(line("a", 9, many), "line 1")
    with pytest.raises(Wrong, match="stored size"):
        planned.record(line("a", 9, 1), "line 2")


@pytest.mark.slow
def test_a_bundle_of_an_amended_batch_holds(
    tmp_path: Path,
) -> None:
    months = Months(tmp_path)
    new_report_key(tmp_path / "keys", "report", None)
    months.change("batches:\n", 'report: {signer: "file:keys/report.key"}\nbatches:\n')
    exclude(months)
    months.amend(execute=True)
    desk = replace(Desk.open(months.path, None, Notes(), threading.Event()), clock=months.clock)
    write_report(desk, tmp_path / "bundle")
    key = load_trusted_key(tmp_path / "keys" / "report.pub")
    assert examine(tmp_path / "bundle", [key]).problems == []
    text = (tmp_path / "bundle" / "manifest.jsonl").read_text()
    rows = [json.loads(one) for one in text.splitlines()]
    assert "tmp/moved" in {one["key"] for one in rows}
