"""Approving as those who must agree do it: beside the ledger, or far from it with a bundle."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import shutil
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hdh_migrate.cli.output import LineProgress, Output
from hdh_migrate.errors import Exit, PlanChanged, Refused, UsageError
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.approvals import Judgement, Why
from hdh_migrate.evidence.signatures.signing import load_trusted_key, new_report_key
from hdh_migrate.fixity import canonical_json
from hdh_migrate.session.desk import Desk as SessionDesk
from hdh_migrate.session.policy import kept_approvals as kept_approvals_module
from hdh_migrate.session.policy.approval_subjects import subject_here
from hdh_migrate.session.policy.kept_approvals import (
    judgement,
    keep_approval,
    kept_approvals,
    load_envelope,
)
from hdh_migrate.session.policy.terms import terms_of, threshold, verifiers
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.verbs.approve import expiry
from tests.cli.test_cli import Desk, document
from tests.support.fixtures import Bucket, new_bucket
from tests.support.foreign_signature import signed_by
from tests.support.strict_s3 import StrictS3

pytestmark = pytest.mark.live

ASKED = "approvals: {keys: [keys/dpo.pub, keys/ciso.pub, keys/report.pub], threshold: 2}\n"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, credulous_server: StrictS3) -> Desk:
    """A finished run with its bundle, whose plan asks for two of three approvals."""
    folder = tmp_path_factory.mktemp("finished")
    made = Desk(folder, new_bucket(credulous_server))
    for name in ("dpo", "ciso"):
        new_report_key(folder / "keys", name, None)
    made.plan.write_text(made.text + ASKED)
    done = made.run("run", str(made.plan), "--out", str(folder / "bundle"))
    assert done.returncode == Exit.OK, done.stderr
    return made


@pytest.fixture
def desk(finished: Desk, tmp_path: Path) -> Desk:
    """The same desk for each test, as it was when the run had ended."""
    shutil.copytree(finished.folder, tmp_path, dirs_exist_ok=True)
    made = copy.copy(finished)
    made.folder, made.plan = tmp_path, tmp_path / "plan.yaml"
    return made


def approve(desk: Desk, key: str, *more: str, stage: str = "cutover") -> int:
    done = desk.run(
        "approve", str(desk.plan), "--batch", "pilot", "--stage", stage,
        "--key", str(desk.folder / "keys" / f"{key}.key"), *more,
    )  # fmt: skip
    assert done.returncode == Exit.OK or "hint" in done.stderr or "error" in done.stderr
    return done.returncode


def session(desk: Desk) -> SessionDesk:
    quiet = LineProgress(Output(as_json=True, progress=False), quiet=True)
    return SessionDesk.open(desk.plan, None, quiet, threading.Event())


def judged(desk: Desk, stage: ApprovalStage = ApprovalStage.CUTOVER) -> Judgement:
    opened = session(desk)
    subject = subject_here(opened, "pilot", stage)
    terms = terms_of(opened.loaded, "pilot")
    ledger = opened.read_ledger()
    try:
        return judgement(
            opened, ledger, subject, offline(opened.clock, opened.ledger_path),
            keys=verifiers(terms.approvers), threshold=threshold(terms, str(stage)),
        )  # fmt: skip
    finally:
        ledger.close()


def reasons(found: Judgement) -> Sequence[Why]:
    return [one.why for one in found.refused]


def test_two_of_three_approve_and_the_operators_own_key_does_not_count(desk: Desk) -> None:
    assert judged(desk).missing == 2

    assert approve(desk, "dpo", "--comment", "vu en comité") == Exit.OK
    assert approve(desk, "report") == Exit.REFUSED
    (made,) = desk.folder.glob("**/approvals/*.json")
    keys = desk.folder / "keys"
    foreign = signed_by(keys / "report.key", made, desk.folder / "foreign.json")
    keep_approval(session(desk), load_envelope(foreign))

    found = judged(desk)
    assert (found.missing, reasons(found)) == (1, [Why.BARRED])
    assert [one.comment for one in found.accepted] == ["vu en comité"]
    assert approve(desk, "ciso", "--for", "90m") == Exit.OK
    assert judged(desk).missing == 0
    assert judged(desk, ApprovalStage.FINALIZE).missing == 2


def test_a_plan_that_was_edited_leaves_no_approval_in_force(desk: Desk) -> None:
    for key in ("dpo", "ciso"):
        assert approve(desk, key) == Exit.OK
    assert judged(desk).missing == 0

    text = desk.plan.read_text()
    desk.plan.write_text(text + "waivers: {keys: [keys/ciso.pub]}\n")

    found = judged(desk)
    assert (found.missing, set(reasons(found))) == (2, {Why.OTHER_PLAN})

    desk.plan.write_text(text.replace("languages: [fr]", "languages: [en]"))
    assert judged(desk).missing == 2  # how it is moved may change, but what was signed is a whole

    desk.plan.write_text(text.replace("prefix: a/", "prefix: z/"))
    with pytest.raises(PlanChanged, match=r"target\.prefix.*bound by batch"):
        judged(desk)


def test_an_approval_made_far_away_from_a_bundle_is_carried_home(
    desk: Desk, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    shutil.copy(desk.plan, away / "plan.yaml")
    (away / "keys").mkdir()
    for public in ("dpo", "ciso", "report"):  # who approves far away must know with whom
        shutil.copy(tmp_path / "keys" / f"{public}.pub", away / "keys")
    out = away / "dpo.approval.json"
    common = ["--batch", "pilot", "--stage", "cutover", "--key", f"{tmp_path}/keys/dpo.key"]
    there = ["--bundle", f"{tmp_path}/bundle", "--trust", f"{tmp_path}/keys/report.pub"]

    made = desk.run("approve", f"{away}/plan.yaml", *common, *there, "--out", str(out), "--json")
    assert made.returncode == Exit.OK, made.stderr
    again = desk.run("approve", f"{away}/plan.yaml", *common, *there, "--out", str(out))
    assert again.returncode == Exit.USAGE
    assert not (away / ".hdh-migrate").exists()

    for _ in range(2):
        kept = desk.run("approve", str(desk.plan), "--import", str(out), "--json")
        assert kept.returncode == Exit.OK, kept.stderr
    assert Path(document(kept)["kept"]).parent.name == "approvals"
    found = judged(desk)
    assert (found.missing, reasons(found)) == (1, [])
    assert found.accepted[0].key_id == document(made)["by"]


def test_nothing_is_approved_from_a_bundle_that_does_not_check(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "approval.json"
    arguments = (
        "--bundle", f"{tmp_path}/bundle", "--trust", f"{tmp_path}/keys/dpo.pub", "--out", str(out),
    )  # fmt: skip
    assert approve(desk, "dpo", *arguments) == Exit.DAMAGED  # signed by nobody whom we trust

    manifest = tmp_path / "bundle" / "manifest.jsonl"
    manifest.chmod(0o600)
    manifest.write_bytes(manifest.read_bytes().replace(b'"match"', b'"waived"', 1))
    trusted = [part.replace("dpo.pub", "report.pub") for part in arguments]
    assert approve(desk, "dpo", *trusted) == Exit.DAMAGED

    assert not out.exists()


@pytest.mark.parametrize(
    ("until", "lasting", "expected"),
    [
        (None, "90m", "2026-11-25T11:30:00Z"),
        (None, "7d", "2026-12-02T10:00:00Z"),
        (None, timedelta(seconds=45), "2026-11-25T10:00:45Z"),
        ("2026-12-24T19:00:00+01:00", "7d", "2026-12-24T18:00:00Z"),
    ],
)
def test_an_approval_expires_when_it_was_told_to(
    until: str | None, lasting: str | timedelta, expected: str
) -> None:
    assert expiry("2026-11-25T10:00:00.000Z", until, lasting) == expected


@pytest.mark.parametrize(
    ("until", "lasting"),
    [
        (None, "7"),
        (None, "0d"),
        (None, "9000d"),
        ("2001-01-01T00:00:00Z", "7d"),
        ("2027-01-01T00:00:00", "7d"),
        ("tomorrow", "7d"),
        ("9999-12-31T23:59:59-01:00", "7d"),
    ],
)
def test_an_expiry_that_is_none_is_refused(until: str | None, lasting: str) -> None:
    with pytest.raises(UsageError):
        expiry("2026-11-25T10:00:00.000Z", until, lasting)


def test_what_does_not_belong_together_is_refused_and_nothing_is_signed(desk: Desk) -> None:
    carried = desk.folder / "carried.json"
    carried.write_bytes(b"{}")

    assert approve(desk, "dpo", "--bundle", "x") == Exit.USAGE
    assert approve(desk, "dpo", "--import", str(carried)) == Exit.USAGE
    assert desk.run("approve", str(desk.plan), "--import", str(carried)).returncode == Exit.USAGE

    assert not list(desk.folder.glob("**/approvals/*"))


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 60_000, b'{"payloadType": 1}', b"\xff"])
def test_what_is_no_approval_is_not_taken_in(desk: Desk, data: bytes) -> None:
    carried = desk.folder / "carried.json"
    carried.write_bytes(data)

    with pytest.raises(UsageError):
        keep_approval(session(desk), load_envelope(carried))

    assert not list(desk.folder.glob("**/approvals/*"))


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("plan_digest", "cd" * 32, "of plan cdcdcdcdcdcd"),
        ("batch", "elsewhere", "batch elsewhere, which is not in the plan"),
    ],
)
def test_an_approval_of_something_else_is_not_taken_in(
    desk: Desk, field: str, value: str, told: str
) -> None:
    """It was kept, and never counted, and nobody knew why."""
    assert approve(desk, "dpo") == Exit.OK
    (kept,) = desk.folder.glob("**/approvals/*.json")
    envelope = json.loads(kept.read_bytes())
    said = json.loads(base64.b64decode(envelope["payload"])) | {field: value}
    envelope["payload"] = base64.b64encode(canonical_json(said)).decode()
    carried = desk.folder / "carried.json"
    carried.write_text(json.dumps(envelope))
    kept.unlink()

    done = desk.run("approve", str(desk.plan), "--import", str(carried))

    assert done.returncode == Exit.REFUSED
    assert told in done.stderr
    assert not list(desk.folder.glob("**/approvals/*"))


def test_no_number_of_approvals_hides_that_one_was_withdrawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_approvals_module, "MAX_FILES", 2)
    for name in ("cutover-a", "cutover-b", "cutover-c", "withdrawn-cutover-a"):
        (tmp_path / f"{name}.json").write_text("{}")
    found = [name for name, _ in kept_approvals(tmp_path)]
    assert found == ["withdrawn-cutover-a.json", "cutover-a.json"]


def test_more_approvals_than_are_read_are_said_to_be_too_many(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some were not read, and nobody was told why nothing was approved."""
    assert approve(desk, "dpo") == Exit.OK
    (kept,) = desk.folder.glob("**/approvals/*.json")
    monkeypatch.setattr(kept_approvals_module, "MAX_FILES", 2)
    for name in ("0", "1"):
        (kept.parent / f"withdrawn-cutover-{name}.json").write_text("{}")

    with pytest.raises(Refused, match="3 approvals and withdrawals; 2 are read at most"):
        judged(desk)


def test_a_withdrawal_that_cannot_be_read_takes_back_what_it_may_be_about(desk: Desk) -> None:
    assert approve(desk, "dpo") == Exit.OK
    (kept,) = desk.folder.glob("**/approvals/*.json")
    (kept.parent / "withdrawn-cutover-pilot-0123456789abcdef.json").mkdir()

    with pytest.raises(Refused, match="withdrawal of an approval cannot be read"):
        judged(desk)


def test_rubbish_among_the_approvals_does_not_hide_the_good_ones(desk: Desk) -> None:
    assert approve(desk, "dpo") == Exit.OK
    (kept,) = desk.folder.glob("**/approvals/*.json")
    (kept.parent / "0-rubbish.json").write_bytes(b"\xff")
    told = json.loads(kept.read_bytes())
    told["signatures"][0]["sig"] = "A" * 86 + "=="
    (kept.parent / "1-forged.json").write_text(json.dumps(told))

    found = judged(desk)

    assert (found.missing, len(found.accepted)) == (1, 1)
    assert reasons(found) == [Why.MALFORMED, Why.BAD_SIGNATURE]


def test_nothing_is_approved_of_a_ledger_that_is_not_there(tmp_path: Path, bucket: Bucket) -> None:
    desk = Desk(tmp_path, bucket)
    new_report_key(tmp_path / "keys", "dpo", None)
    desk.plan.write_text(
        desk.text + "approvals: {keys: [keys/dpo.pub]}\nfreeze: {kind: statement}\n"
    )

    assert approve(desk, "dpo", "--for", "12h", stage="freeze") == Exit.USAGE

    assert not list(desk.folder.glob("**/approvals/*"))


def told_in(path: Path) -> tuple[str, dict[str, str]]:
    payload = base64.b64decode(json.loads(path.read_bytes())["payload"])
    return hashlib.sha256(payload).hexdigest(), json.loads(payload)


def test_a_freeze_names_its_window_which_the_plan_bounds(desk: Desk) -> None:
    desk.plan.write_text(
        desk.plan.read_text().replace("threshold: 2", "threshold: 1")
        + "freeze: {kind: statement, at_most: 6h}\n"
    )

    assert approve(desk, "dpo", "--for", "7h", stage="freeze") == Exit.USAGE
    assert approve(desk, "dpo", "--from", "2001-01-01T00:00:00Z") == Exit.USAGE
    assert judged(desk, ApprovalStage.FREEZE).missing == 1
    assert approve(desk, "dpo", stage="freeze") == Exit.OK

    assert judged(desk, ApprovalStage.FREEZE).missing == 0
    (kept,) = desk.folder.glob("**/approvals/*.json")
    first, last = (datetime.fromisoformat(told_in(kept)[1][name]) for name in ("from", "expires"))
    assert last - first <= timedelta(hours=6)


def test_an_approval_is_withdrawn_by_its_key_alone(desk: Desk) -> None:
    for key in ("dpo", "ciso"):
        assert approve(desk, key) == Exit.OK
    mine = desk.folder.glob("**/approvals/*.json")
    by = {json.loads(one.read_bytes())["signatures"][0]["keyid"]: one for one in mine}
    dpo = by[load_trusted_key(desk.folder / "keys" / "dpo.pub").key_id]

    def withdraw(key: str, named: str, *more: str) -> int:
        done = desk.run(
            "approve", str(desk.plan), "--withdraw", named,
            "--key", str(desk.folder / "keys" / f"{key}.key"), *more,
        )  # fmt: skip
        said.append(done.stderr)
        return done.returncode

    said = list[str]()
    elsewhere = ("--state-dir", str(desk.folder / "elsewhere"))
    assert withdraw("dpo", str(dpo), *elsewhere) == Exit.OK
    assert "this counts for nobody who uses another --state-dir" in said[-1]
    assert judged(desk).missing == 0  # it was believed to be taken back
    shutil.rmtree(desk.folder / "elsewhere")

    assert withdraw("ciso", str(dpo)) == Exit.USAGE  # not hers: it would change nothing
    assert not list(desk.folder.glob("**/approvals/withdrawn-*"))
    assert judged(desk).missing == 0
    assert withdraw("dpo", "00000000") == Exit.USAGE
    assert withdraw("dpo", told_in(dpo)[0][:12]) == Exit.OK
    assert "another --state-dir" not in said[-1]

    found = judged(desk)
    assert (found.missing, reasons(found)) == (1, [Why.WITHDRAWN])


def test_another_ledger_of_the_same_plan_takes_no_approval_over(desk: Desk) -> None:
    for key in ("dpo", "ciso"):
        assert approve(desk, key) == Exit.OK
    (kept,) = desk.folder.glob("**/approvals")
    aside = desk.folder / "aside"
    shutil.copytree(kept, aside)
    shutil.rmtree(desk.folder / ".hdh-migrate")
    done = desk.run("run", str(desk.plan), "--until", "inventory")
    assert done.returncode == Exit.OK, done.stderr
    shutil.copytree(aside, kept)

    assert (judged(desk).missing, set(reasons(judged(desk)))) == (2, {Why.OTHER_LEDGER})
