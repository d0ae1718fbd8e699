"""Bundles that contradict themselves or their plan, signed by who holds ledger and key: refused.

Each is written by our own writer from what the forger would put into the ledger, so everything that
can follow does follow, and one rule of docs/evidence-format.md alone is broken.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.lines.facts import Facts, Loss, ObjectCounts, StepPace
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.counts import summary as summary_of
from hdh_migrate.evidence.verifier.cutovers import CutoverAccount
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.model import Place, key_text
from tests.unit.evidence.builders import (
    LOOK,
    SOURCE,
    TARGET,
    Told,
    at_level,
    at_places,
    bundle,
    dataset,
    excluding,
    exclusion,
    facts,
    failed,
    finding,
    leaf_of,
    pending,
    record,
    replanned,
    reseal_sums,
    signer,
)

NOTHING = sha256_hex(b"")
ENDED = "2026-03-02T10:15:00Z"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("key"))


def problems(tmp_path: Path, key: Signer, records: Iterable[Any], **made: Any) -> list[str]:
    records = list(records)
    made.setdefault("about", facts(dataset(len(records), sum(line["size"] for line in records))))
    folder = bundle(tmp_path / "out", records, signer=key, **made).folder
    return check_bundle(folder, [key.verifier])


def unsealed(about: Facts) -> Facts:
    about = replanned(about, seal={"format": "none", "reason": "public", "suffix": ".c4gh"})
    return replace(about, seal="none", recipients=())


def plain(key: str, **changes: Any) -> dict[str, Any]:
    return record(key, **{"stored_size": 1000, "stored_sha256": "11" * 32, **changes})


# --- lines beside the plan -----------------------------------------------------------------------

LINES: dict[str, tuple[Any, str]] = {
    "another bucket": (record("a", bucket="other"), "not where the plan puts"),
    "another key at the target": (record("a", target_key="pmsi/b.c4gh"), "not where the plan puts"),
    "another prefix": (record("a", target_key="other/a.c4gh"), "not where the plan puts"),
    "no suffix": (record("a", target_key="pmsi/a"), "not where the plan puts"),
    "bytes of another name": (
        record(key_text(b"a\xff"), target_key=key_text(b"pmsi/a\xfe.c4gh")),
        "not where the plan puts",
    ),
    "a stored size too small": (record("a", stored_size=1000), "stored size"),
    "a stored size too large": (record("a", stored_size=1261), "stored size"),
    "an empty object that is stored as nothing": (
        record("a", size=0, stored_size=0),
        "stored size",
    ),
    "stored as it was": (record("a", stored_sha256="11" * 32), "digests are not"),
    "an empty object with content": (record("a", size=0, sha256="11" * 32), "digest of nothing"),
    "content without bytes": (record("a", sha256=NOTHING), "digest of nothing"),
    "stored bytes that are none": (record("a", stored_sha256=NOTHING), "digest of nothing"),
    "verified after the statement": (
        record("a", verified_at="2026-03-02T10:15:30.001Z"),
        "or after the statement",
    ),
    "verified before the run": (
        record("a", verified_at="2026-03-01T21:59:59.9Z"),
        "verified before the run",
    ),
    "a level below the plan's": (record("a", level="stored"), "another level"),
    "an object that the plan leaves behind": (record("b/_t/a"), "leaves this object behind"),
}


@pytest.mark.parametrize("what", LINES)
def test_a_line_that_this_plan_cannot_lead_to(tmp_path: Path, key: Signer, what: str) -> None:
    line, problem = LINES[what]
    (found,) = problems(tmp_path, key, [line])
    assert found.startswith("manifest.jsonl line 1: ")
    assert problem in found


def test_a_level_above_the_plans(tmp_path: Path, key: Signer) -> None:
    about = at_level(facts(dataset(1)), "head")
    (found,) = problems(tmp_path, key, [record("a", level="full")], about=about)
    assert "another level" in found


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        (plain("a"), True),
        (plain("a", size=0, stored_size=0, sha256=NOTHING, stored_sha256=NOTHING), True),
        (plain("a", stored_size=1001), False),
        (plain("a", stored_sha256="22" * 32), False),
    ],
)
def test_what_is_not_sealed_is_stored_as_it_is(
    tmp_path: Path, key: Signer, line: Any, *, holds: bool
) -> None:
    about = unsealed(facts(dataset(1, line["size"])))
    assert (problems(tmp_path, key, [line], about=about) == []) is holds


def test_a_key_that_is_not_under_the_source_prefix(tmp_path: Path, key: Signer) -> None:
    about = facts(dataset(2, source=Place(bucket="emc2", prefix="p/")))
    inside = record("p/a", target_key="pmsi/a.c4gh")
    (found,) = problems(tmp_path, key, [inside, record("q/a")], about=about)
    assert "line 2: not where the plan puts" in found


def nested(*targets: str) -> Facts:
    return facts(
        *(
            dataset(1, name=f"d{number}", target=Place(bucket="hds-emc2", prefix=target))
            for number, target in enumerate(targets)
        )
    )


@pytest.mark.parametrize(("verdict", "holds"), [("match", False), ("mismatch", True)])
def test_two_verified_objects_with_one_key_at_the_target(
    tmp_path: Path, key: Signer, verdict: str, *, holds: bool
) -> None:
    """Possible only where the targets of two datasets lie in one another."""
    records = [
        record("b/x", dataset="d0", target_key="a/b/x.c4gh"),
        record("x", dataset="d1", target_key="a/b/x.c4gh", verdict=verdict),
        record("x", dataset="d2", target_key="a/c/x.c4gh"),
    ]
    found = problems(tmp_path, key, records, about=nested("a/", "a/b/", "a/c/"))
    assert (found == []) is holds
    assert all("line 2: another object has this key" in problem for problem in found)


def test_keys_of_nested_targets_are_compared_without_their_suffix(
    tmp_path: Path, key: Signer
) -> None:
    """With it, the keys of one dataset do not ascend."""
    names = ["b/a", "b/a.", "b/a.c4gh"]
    about = nested("", "b/")
    about = replace(
        about,
        datasets=(
            replace(about.datasets[0], inventoried=ObjectCounts(3, 3000)),
            replace(about.datasets[1], inventoried=ObjectCounts(1, 1000)),
        ),
    )
    records = [record(name, dataset="d0", target_key=f"{name}.c4gh") for name in names]
    records.append(record("a", dataset="d1", target_key="b/a.c4gh"))
    (found,) = problems(tmp_path, key, records, about=about)
    assert "another object has this key" in found


# --- exclusions ----------------------------------------------------------------------------------


EXCLUSIONS: dict[str, Any] = {
    "by a rule that the plan does not have": exclusion("a", rule="exclude **/_u/**"),
    "for a reason that the plan does not give": exclusion("a", reason="other"),
    "by a rule that does not match": exclusion("", key="a"),
    "not included, though nothing is asked for": exclusion(
        "a", rule="not included", reason="it matches none of the dataset's `include` globs"
    ),
    "a directory with content": exclusion(
        "a",
        rule="directory",
        reason="a directory of a hierarchical namespace: it has no content",
    ),
}


@pytest.mark.parametrize("what", EXCLUSIONS)
def test_an_exclusion_that_no_rule_of_the_plan_makes(
    tmp_path: Path, key: Signer, what: str
) -> None:
    found = problems(
        tmp_path, key, [record()], about=facts(dataset(2, 1010)), exclusions=[EXCLUSIONS[what]]
    )
    assert found == ["exclusions.jsonl line 1: no rule of the plan leaves this object behind"]


def test_the_first_rule_that_matches_is_the_one_that_counts(tmp_path: Path, key: Signer) -> None:
    about = excluding(facts(dataset(2, 20)), ("**/a", "one"), ("_t/**", "two"))
    told = [
        exclusion("a", rule="exclude **/a", reason="one"),
        exclusion("b", rule="exclude _t/**", reason="two"),
    ]
    assert problems(tmp_path, key, [], about=about, exclusions=told) == []
    told[0] = exclusion("a", rule="exclude _t/**", reason="two")
    (found,) = problems(tmp_path / "b", key, [], about=about, exclusions=told)
    assert found.startswith("exclusions.jsonl line 1")


def test_an_object_that_is_not_included_is_not_moved(tmp_path: Path, key: Signer) -> None:
    about = facts(dataset(2, 1010))
    planned = {**about.plan["datasets"][0], "include": ["*.csv"], "exclude": []}
    about = replanned(about, datasets=[planned])
    left = {"rule": "not included", "reason": "it matches none of the dataset's `include` globs"}

    good = [exclusion("", key="a.txt", **left)]
    assert problems(tmp_path, key, [record("a.csv")], about=about, exclusions=good) == []
    bad = [exclusion("", key="b.csv", **left)]
    found = problems(tmp_path / "b", key, [record("a.csv")], about=about, exclusions=bad)
    assert found == ["exclusions.jsonl line 1: no rule of the plan leaves this object behind"]
    (found,) = problems(tmp_path / "c", key, [record("a.txt")], about=about,
                        exclusions=[exclusion("", key="b.txt", **left)])  # fmt: skip
    assert "the plan leaves this object behind" in found


# --- the statement beside the plan ---------------------------------------------------------------

STORY: dict[str, tuple[Callable[[Facts], Facts], str]] = {
    "ended before it started": (
        lambda about: replace(about, started_at="2026-03-02T10:15:01Z"), "ended before it started"
    ),
    "written before it ended": (
        lambda about: replace(about, written_at="2026-03-02T10:14:59Z"), "written before it ended"
    ),
    "no endpoint": (lambda about: replace(about, endpoints=()), "not the plan's"),
    "only the source": (lambda about: replace(about, endpoints=(SOURCE,)), "not the plan's"),
    "the source twice": (
        lambda about: replace(about, endpoints=(SOURCE, TARGET, SOURCE)), "not the plan's"
    ),
    "another source": (
        lambda about: replace(
            about, endpoints=(replace(SOURCE, url="https://x.blob.core.windows.net"), TARGET)
        ),
        "not the plan's",
    ),
    "another provider": (
        lambda about: replace(about, endpoints=(SOURCE, replace(TARGET, kind="ovh"))),
        "not the plan's",
    ),
    "another region": (
        lambda about: replace(about, endpoints=(SOURCE, replace(TARGET, region="nl-ams"))),
        "not the plan's",
    ),
    "a rehearsal of a plan that is none": (
        lambda about: replace(
            about,
            endpoints=(
                replace(SOURCE, url="http://127.0.0.1"), replace(TARGET, url="http://[::1]"),
            ),
        ),
        "never local",
    ),
    "a rehearsal that becomes real": (
        lambda about: replace(
            at_places(
                about, replace(SOURCE, url="http://[::1]"), replace(TARGET, url="http://127.0.0.1")
            ),
            endpoints=(SOURCE, TARGET),
        ),
        "not the plan's",
    ),
    "another seal": (lambda about: replace(about, seal="none", recipients=()), "seal is not"),
    "a recipient more": (
        lambda about: replace(about, recipients=(*about.recipients, "c4gh:" + "5" * 16)),
        "seal is not",
    ),
    "one recipient twice": (
        lambda about: replace(about, recipients=("c4gh:" + "5" * 16,) * 2), "recipients"
    ),
    "a recipient that is no key": (
        lambda about: replace(about, recipients=("nobody", "c4gh:" + "5" * 16)), "recipients"
    ),
    "another level": (lambda about: replace(about, verify_level="head"), "level is not"),
    "another place at the source": (
        lambda about: replace(
            about, datasets=(replace(about.datasets[0], source=Place(bucket="other")),)
        ),
        "not those of the plan",
    ),
    "more digests than objects": (
        lambda about: replace(about, sha256_in_transfer=1, sha256_in_verify=1), "digests were taken"
    ),
    "fewer digests than objects": (
        lambda about: replace(about, paces=(), sha256_in_transfer=0, sha256_in_verify=2),
        "digests were taken",
    ),
    "losses of more objects than there are": (
        lambda about: replace(
            about, losses=(Loss(dataset="pmsi", what="tags", objects=2, kept="ledger"),)
        ),
        "losses of more",
    ),
    "losses of another dataset": (
        lambda about: replace(
            about, losses=(Loss(dataset="x", what="tags", objects=1, kept="ledger"),)
        ),
        "losses of more",
    ),
    "a cutover of no batch": (
        lambda about: replace(about, cutovers=({"batch": "x", "track": "cutover"},)), "no batch"
    ),
    "a cutover told twice": (
        lambda about: replace(about, cutovers=({"batch": "pilot", "track": "cutover"},) * 2),
        "told twice",
    ),
    "a cutover that the journal does not know": (
        lambda about: replace(
            about, cutovers=(CutoverAccount("pilot", "cutover").facts(),)
        ),
        "other cutovers",
    ),
    "another provider's profile": (
        lambda about: replace(about, profile={"name": "ovh"}), "another provider"
    ),
    "an attestation that the plan does not name": (
        lambda about: replace(about, attestation={"reference": "x"}), "attestation"
    ),
    "a probe of another target": (
        lambda about: replace(about, capabilities={"endpoint": "https://x", "region": "fr-par"}),
        "another target",
    ),
    "fences of more buckets than there are": (
        lambda about: replace(about, fences={"ours": 1, "unknown": 1}), "fences of other buckets"
    ),
    "waivers of a plan that accepts none": (
        lambda about: replace(about, waivers=(waiver(),)), "accepts none"
    ),
    "a waiver that had ended": (
        lambda about: replace(
            replanned(about, waivers={"keys": ["k"]}), waivers=(waiver(until="2026-03-01"),)
        ),
        "had ended",
    ),
    "a pace that began before the run": (
        lambda about: replace(about, paces=(pace(started="2026-02-01T00:00:00Z"),)),
        "from outside the run",
    ),
    "a pace of more objects than were verified": (
        lambda about: replace(about, paces=(pace(bins=(ObjectCounts(2, 1000),)),)),
        "a pace is not what",
    ),
    "a pace of more bytes than were verified": (
        lambda about: replace(about, paces=(pace(bins=(ObjectCounts(1, 1001),)),)),
        "a pace is not what",
    ),
    "no pace of a step that did something": (
        lambda about: replace(about, paces=(pace(),)), "a pace is missing"
    ),
    "a pace whose slices no number tells": (
        lambda about: replace(about, paces=(pace(seconds=10**400),)), "not a statement of this"
    ),
    "a clock that no number tells": (
        lambda about: replace(about, clock_offsets={TARGET.url: -(1 << 63)}), "not a statement of"
    ),
    "one step with two paces": (lambda about: replace(about, paces=(pace(), pace())), "two paces"),
}  # fmt: skip


def waiver(**changes: Any) -> dict[str, Any]:
    made = {
        "what": "attestation", "reason": "r", "until": "2027-01-01", "by": "rssi@hdh",
        "made_at": "2026-03-01T00:00:00Z", "key_id": "ed25519:" + "0" * 16,
        "file": "waivers/a.json", "sha256": "0" * 64,
    }  # fmt: skip
    return {**made, **changes}


def pace(**changes: Any) -> StepPace:
    made = StepPace(
        step="verify", started=ENDED, ended=ENDED, seconds=1.0, bins=(ObjectCounts(1, 1000),)
    )
    return replace(made, **changes)


@pytest.mark.parametrize("what", STORY)
def test_a_statement_that_this_plan_cannot_lead_to(tmp_path: Path, key: Signer, what: str) -> None:
    change, problem = STORY[what]
    found = problems(tmp_path, key, [record()], about=change(facts(dataset(1))))
    assert found
    assert any(problem in one for one in found), found


def test_traffic_that_the_journal_does_not_tell(tmp_path: Path, key: Signer) -> None:
    def less(events: list[Told]) -> list[Told]:
        events[-1][2]["traffic"][1]["bytes_written"] -= 1
        return events

    found = problems(tmp_path, key, [record()], telling=less)
    assert found == ["statement.json: the journal knows of other traffic"]


# --- the journal beside the lines ----------------------------------------------------------------


def of(events: list[Told], kind: str) -> dict[str, Any]:
    return next(body for _, one, body in events if one == kind)


def without(kind: str) -> Callable[[list[Told]], list[Told]]:
    return lambda events: [event for event in events if event[1] != kind]


def telling(kind: str, change: Callable[[dict[str, Any]], object]) -> Callable[..., list[Told]]:
    def told(events: list[Told]) -> list[Told]:
        change(of(events, kind))
        return events

    return told


COUNTED: dict[str, Any] = {
    "one object more was inventoried": telling("inventoried", lambda b: b.update(objects=5)),
    "more bytes were inventoried": telling("inventoried", lambda b: b.update(bytes=3011)),
    "others were inventoried": telling("inventoried", lambda b: b.update(root="00" * 32)),
    "others were excluded": telling("inventoried", lambda b: b["excluded"].update(root="00" * 32)),
    "none was excluded": telling(
        "inventoried", lambda b: b.update(excluded={"objects": 0, "bytes": 0, "root": NOTHING})
    ),
    "another was verified": telling(
        "verified", lambda b: b.update(ids=[1, 9], datasets={"pmsi": 2})
    ),
    "none was verified": without("verified"),
    "another failed": telling("failed", lambda b: b.update(ids=[2, 9], datasets={"pmsi": 2})),
    "none failed": without("failed"),
    "another finding was opened": telling(
        "findings", lambda b: b["opened"].append({**b["opened"][0], "number": 2})
    ),
    "none was opened": without("findings"),
    "the finding was closed": telling("findings", lambda b: b.update(closed=[1])),
    "the finding says something else": telling(
        "findings", lambda b: b["opened"][0].update(message="something else")
    ),
    "the finding is graver": telling(
        "findings", lambda b: b["opened"][0].update(severity="blocker")
    ),
    "the finding is about no object": telling(
        "findings", lambda b: b["opened"][0].update(object=None)
    ),
    "the dataset was not closed": without("inventoried"),
    "the first format": telling("inventoried", lambda b: (b.pop("bytes"), b.pop("excluded"))),
    "no traffic": lambda events: [
        *events[:-1], (events[-1][0], "run-ended", json.loads('{"traffic":[]}'))
    ],
    "the ledger was set back": lambda events: [
        *events[:-1],
        (ENDED, "inventoried", {"dataset": "pmsi", "objects": 4, "root": "00" * 32}),
        events[-1],
    ],
    "upgraded in the middle": lambda events: [
        *events[:-1], (ENDED, "ledger-upgraded", {"schema": 3, "verified": {"pmsi": 1}}), events[-1]
    ],
    "time runs backwards": lambda events: [
        *events[:-1], ("2026-03-01T00:00:00Z", "batch-done", {}), events[-1]
    ],
    "an event after the statement": lambda events: [
        *events, ("2026-03-02T10:15:31Z", "batch-done", {})
    ],
    "nothing at all": lambda events: [],
    "no beginning": without("run-started"),
    "another dataset": telling("verified", lambda b: b.update(datasets={"other": 1})),
    "more in the datasets than in all": telling(
        "verified", lambda b: b.update(datasets={"pmsi": 2})
    ),
    "one object twice": telling(
        "verified", lambda b: b.update(ids=[1, 1], datasets={"pmsi": 2})
    ),
    "more dropped than were verified": lambda events: [
        *events[:-1],
        (ENDED, "superseded", {"event": 4, "dropped": [1, 2], "ids": [], "rows_sha256": "00" * 32,
                               "dropped_datasets": {"pmsi": 2}}),
        events[-1],
    ],
    "a finding that was never opened is closed": telling(
        "findings", lambda b: b.update(closed=[7])
    ),
}  # fmt: skip

AS_MANY = "journal.jsonl: the lines of a dataset are not as many as the journal tells"
INVENTORIED = "journal.jsonl line 2: the lines are not what was inventoried"
NOT_OPEN = "findings.jsonl line 1: not a finding that is open by the journal"
MAY_NOT = "not what an event of this kind may say here"
PACED = "statement.json: a pace is not what the journal tells"
UNSEEN = [
    "statement.json: the journal knows of other traffic",
    "statement.json: an endpoint that nobody contacted, though objects were moved",
]
FOUND = {
    "one object more was inventoried": [AS_MANY, INVENTORIED],
    "more bytes were inventoried": [AS_MANY],
    "others were inventoried": [INVENTORIED],
    "others were excluded": [INVENTORIED],
    "none was excluded": [AS_MANY, INVENTORIED],
    "another was verified": [
        AS_MANY, PACED, "journal.jsonl: more objects were verified than were sent"
    ],
    "none was verified": [AS_MANY, PACED],
    "another failed": [AS_MANY],
    "none failed": [AS_MANY],
    "another finding was opened": [
        "findings.jsonl: findings are missing that are open by the journal"
    ],
    "none was opened": [NOT_OPEN],
    "the finding was closed": [NOT_OPEN],
    "the finding says something else": [NOT_OPEN],
    "the finding is graver": [NOT_OPEN],
    "the finding is about no object": [NOT_OPEN],
    "the dataset was not closed": [
        "statement.json: closed is not what the journal tells of a dataset", AS_MANY
    ],
    "no traffic": UNSEEN * 2,
    "time runs backwards": ["journal.jsonl line 7: before the event that it follows"],
    "an event after the statement": ["statement.json: written before the journal's last event"],
    "nothing at all": ["journal.jsonl: empty, though nothing is reported before a run"],
}  # fmt: skip
LINE = {
    "the first format": 3, "the ledger was set back": 7, "upgraded in the middle": 7,
    "no beginning": 1, "another dataset": 5, "more in the datasets than in all": 5,
    "one object twice": 5, "more dropped than were verified": 7,
    "a finding that was never opened is closed": 3,
}  # fmt: skip


@pytest.mark.parametrize("what", COUNTED)
def test_a_journal_that_tells_otherwise_than_the_lines(
    tmp_path: Path, key: Signer, what: str
) -> None:
    found = problems(
        tmp_path, key, [record("a"), failed("b"), pending("c")],
        about=facts(dataset(4, 3010)), exclusions=[exclusion("x")], findings=[finding()],
        telling=COUNTED[what],
    )  # fmt: skip
    assert found == FOUND.get(what, [f"journal.jsonl line {LINE.get(what)}: {MAY_NOT}"])


def test_the_same_without_a_contradiction(tmp_path: Path, key: Signer) -> None:
    assert not problems(
        tmp_path, key, [record("a"), failed("b"), pending("c")],
        about=facts(dataset(4, 3010)), exclusions=[exclusion("x")], findings=[finding()],
    )  # fmt: skip


OPENING = {
    "at": ENDED, "who": "ops@host", "dataset": "pmsi", "object": 1, "reason": "ticket 4711",
}  # fmt: skip


def test_openings_are_those_that_the_journal_tells(tmp_path: Path, key: Signer) -> None:
    about = replace(facts(dataset(1, 1000)), openings=(OPENING, {**OPENING, "object": 2}))
    assert not problems(tmp_path / "as told", key, [record("a")], about=about)

    def other_reason(events: list[Told]) -> list[Told]:
        of(events, "object-opened").update(reason="curiosity")
        return events

    def one_more(events: list[Told]) -> list[Told]:
        return [*events[:-1], (ENDED, "object-opened", {"number": 3, **OPENING}), events[-1]]

    for name, change in (("other", other_reason), ("more", one_more)):
        found = problems(tmp_path / name, key, [record("a")], about=about, telling=change)
        assert found == ["statement.json: the journal knows of other openings"]


def test_looks_are_those_that_the_journal_tells(tmp_path: Path, key: Signer) -> None:
    about = replace(facts(dataset(1, 1000)), looks=(LOOK,))
    assert not problems(tmp_path / "as told", key, [record("a")], about=about)

    def fewer(events: list[Told]) -> list[Told]:
        of(events, "looked-again").update(replaced=[])
        return events

    def unfinished(events: list[Told]) -> list[Told]:
        return [event for event in events if event[1] != "look-ended"]

    def none(events: list[Told]) -> list[Told]:
        return [event for event in events if not event[1].startswith("look")]

    for name, change in (("fewer", fewer), ("unfinished", unfinished), ("none", none)):
        found = problems(tmp_path / name, key, [record("a")], about=about, telling=change)
        assert found == ["statement.json: the journal knows of other looks at the target"]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("looking-again", {"number": 2}),
        ("looking-again", {"level": "deep"}),
        ("looked-again", {"number": 2}),
        ("looked-again", {"level": "head"}),
        ("looked-again", {"objects": 1}),
        ("looked-again", {"replaced": [2], "unread": [2]}),
        ("looked-again", {"gone": [1], "replaced": [], "unread": []}),
        ("looked-again", {"damaged": [1], "replaced": [], "unread": []}),
        ("look-ended", {"number": 2}),
    ],
)
def test_a_look_that_cannot_have_been(
    tmp_path: Path, key: Signer, kind: str, change: dict[str, Any]
) -> None:
    """What is gone or damaged, for one, is verified no more, and that was told just before."""
    about = replace(facts(dataset(1, 1000)), looks=(LOOK,))

    def other(events: list[Told]) -> list[Told]:
        of(events, kind).update(change)
        return events

    (found,) = problems(tmp_path, key, [record("a")], about=about, telling=other)
    assert found.endswith("not what an event of this kind may say here")


def test_a_failed_object_that_is_left_out_everywhere_but_in_the_inventory(
    tmp_path: Path, key: Signer
) -> None:
    """The fault: rows, findings and counters deleted, "Complet et intact", and verify agreed."""
    inventoried = [(record("a"), False), (failed("b"), False)]

    def as_listed(events: list[Told]) -> list[Told]:
        tree = [leaf_of(line) for line, _ in inventoried]
        root = sha256(b"\x01" + tree[0] + tree[1]).hexdigest()
        of(events, "inventoried").update(objects=2, bytes=2000, root=root)
        return events

    found = problems(tmp_path, key, [record("a")], telling=as_listed)
    assert found == [
        "journal.jsonl: the lines of a dataset are not as many as the journal tells",
        "journal.jsonl line 2: the lines are not what was inventoried",
    ]


# --- what changed after an inventory -------------------------------------------------------------


class Later:
    """A journal whose inventory went on: one object joined, one was pinned anew, one excluded."""

    def __init__(self) -> None:
        self.first, self.second = record("a"), record("b", source_version="0x2")
        self.joined = record("c")
        self.left, self.became = exclusion("x"), exclusion("y")
        self.was_b, self.was_y = record("b"), record("_t/y", source_version="0x7")
        self.records = [self.first, self.second, self.joined]
        self.exclusions = [self.left, self.became]

    def leaf(self, line: Any) -> str:
        return leaf_of(line).hex()

    def changes(self) -> dict[str, Any]:
        return {
            "dataset": "pmsi",
            "joined": [self.leaf(self.joined)],
            "joined_excluded": [self.leaf(self.left)],
            "changed": [[self.leaf(self.was_b), self.leaf(self.second)]],
            "changed_excluded": [[self.leaf(self.was_y), self.leaf(self.became)]],
        }

    def events(self, events: list[Told], changes: Any = None, *, resealed: bool = True) -> Any:
        """Tell the inventory as it was first, what changed, and (maybe) the inventory again."""
        now = of(events, "inventoried")
        at = events[1][0]
        lines = sorted(
            [self.first, self.was_b, self.was_y], key=lambda line: str(line["key"]).encode()
        )
        first = covered(lines)
        told = [
            (at, "inventoried", {"dataset": "pmsi", **first, "excluded": covered([])}),
            (at, "inventory-changed", self.changes() if changes is None else changes),
            *([(at, "inventoried", now)] if resealed else []),
        ]
        return [events[0], *told, *events[2:]]


def covered(lines: list[Any]) -> dict[str, Any]:
    from tests.unit.evidence.builders import covered as made

    return made(lines)


@pytest.mark.parametrize("resealed", [True, False])
def test_changes_are_undone_to_what_was_first_inventoried(
    tmp_path: Path, key: Signer, *, resealed: bool
) -> None:
    later = Later()
    assert not problems(
        tmp_path, key, later.records, about=facts(dataset(5, 3020)), exclusions=later.exclusions,
        telling=lambda events: later.events(events, resealed=resealed),
    )  # fmt: skip


@pytest.mark.parametrize("resealed", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        lambda told, _: told.pop("joined"),
        lambda told, _: told.pop("joined_excluded"),
        lambda told, _: told.pop("changed"),
        lambda told, _: told.pop("changed_excluded"),
        lambda told, _: told.update(joined=told["joined_excluded"], joined_excluded=told["joined"]),
        lambda told, _: told.update(changed=told["changed"] + told.pop("changed_excluded")),
        lambda told, _: told["joined"].append("00" * 32),
        lambda told, _: told["joined"].append(told["joined"][0]),
        lambda told, later: told["joined"].append(later.leaf(later.first)),
        lambda told, _: told["changed"][0].reverse(),
        lambda told, _: told["changed"].append(["00" * 32, "11" * 32]),
        lambda told, later: told["changed"].append([later.leaf(later.left), "11" * 32]),
        lambda told, _: told["changed"][0].pop(),
        lambda told, _: told.update(more=1),
        lambda told, _: told.update(dataset="other"),
    ],
)
def test_changes_that_did_not_lead_from_one_inventory_to_the_other(
    tmp_path: Path, key: Signer, change: Callable[..., object], *, resealed: bool
) -> None:
    later = Later()
    changes = later.changes()
    change(changes, later)
    assert problems(
        tmp_path, key, later.records, about=facts(dataset(5, 3020)), exclusions=later.exclusions,
        telling=lambda events: later.events(events, changes, resealed=resealed),
    )  # fmt: skip


def test_a_version_may_come_back(tmp_path: Path, key: Signer) -> None:
    line, between = record("a"), record("a", source_version="0x2")
    there = [[leaf_of(line).hex(), leaf_of(between).hex()]]
    back = [[leaf_of(between).hex(), leaf_of(line).hex()]]

    def told(events: list[Told]) -> list[Told]:
        at, seal = events[1][0], events[1]
        changes = [(at, "inventory-changed", {"dataset": "pmsi", "changed": one})
                   for one in (there, back)]  # fmt: skip
        return [*events[:2], *changes, seal, *events[2:]]

    assert problems(tmp_path, key, [line], telling=told) == []


def test_an_older_ledger_tells_everything_again_when_it_is_brought_up(
    tmp_path: Path, key: Signer
) -> None:
    def told(events: list[Told]) -> list[Told]:
        begun, seal, sent, verified, ended = events
        old = {"dataset": "pmsi", "objects": 1, "root": seal[2]["root"]}
        receipt = {name: verified[2][name] for name in ("ids", "rows_sha256")}
        upgraded = {"schema": 3, "verified": {"pmsi": 1}}
        return [
            begun, (begun[0], "inventoried", old), sent, (verified[0], "verified", receipt),
            (verified[0], "ledger-upgraded", upgraded), seal, ended,
        ]  # fmt: skip

    assert problems(tmp_path, key, [record()], telling=told) == []
    twice = lambda events: [*told(events), told(events)[4]]  # noqa: E731
    assert problems(tmp_path / "b", key, [record()], telling=twice)


# --- pages ---------------------------------------------------------------------------------------


def resigned(folder: Path, key: Signer) -> None:
    """Sign the statement of a folder anew, about the files that are there now."""
    envelope = json.loads((folder / "statement.json").read_bytes())
    said = json.loads(base64.b64decode(envelope["payload"]))
    (folder / "summary.json").write_bytes(
        canonical_json(summary_of(said["predicate"], key.key_id)) + b"\n"
    )
    for subject in said["subject"]:
        subject["digest"]["sha256"] = sha256_hex((folder / subject["name"]).read_bytes())
    envelope = key.sign("application/vnd.in-toto+json", canonical_json(said))
    (folder / "statement.json").write_bytes(canonical_json(envelope) + b"\n")
    reseal_sums(folder)


def edited(folder: Path, key: Signer, change: Callable[[Any], object]) -> None:
    """Change the predicate of a statement and sign it anew, with all that follows."""
    envelope = json.loads((folder / "statement.json").read_bytes())
    said = json.loads(base64.b64decode(envelope["payload"]))
    change(said["predicate"])
    payload = {"payload": base64.b64encode(canonical_json(said)).decode()}
    (folder / "statement.json").write_bytes(canonical_json({**envelope, **payload}) + b"\n")
    resigned(folder, key)


def test_the_green_page_of_another_run_inside_a_failing_bundle(tmp_path: Path, key: Signer) -> None:
    good = bundle(tmp_path / "good", [record()], about=facts(dataset(1)), signer=key,
                  languages=["fr"]).folder  # fmt: skip
    bad = bundle(tmp_path / "bad", [failed("a")], about=facts(dataset(1)), signer=key,
                 languages=["fr"]).folder  # fmt: skip
    (bad / "report.fr.html").write_bytes((good / "report.fr.html").read_bytes())
    resigned(bad, key)

    assert check_bundle(bad, [key.verifier]) == ["report.fr.html: the page of another statement"]
