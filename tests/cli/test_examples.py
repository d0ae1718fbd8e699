"""Every example of `--help` is given as it stands there, and ends as it is said here.

What an example names is there: each state is come to by the commands themselves. One of each verb
is given with `--json`, too, and what it prints then is held against the verb's schema (`Site.cli`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.sealing.hybrid import new_hybrid_pair
from tests.support import sandbox as support
from tests.support.sandbox import ANY_GRANT, Sandbox
from tests.unit.cli.test_help import LEAVES

bucket, sandbox = support.bucket, support.sandbox

APART: Mapping[str, str] = {
    "demo": "half a minute, with servers of its own (tests/live/test_demo_stopped.py)",
    "demo --source folder --keep": "goes on until somebody ends it",
    "status plan.yaml --watch": "goes on until somebody ends it (tests/unit/cli/test_watch.py)",
    "worker plan.yaml --host 10.0.0.7": "joins the scheduler of a cluster",
    "report timestamp evidence-2026-11 --tsa https://tsa.example/stamp --tsa-trust tsa.pem": (
        "asks an authority on the internet"
    ),
    "keys new steward --passphrase": "a person types it at a terminal",
    "keys relock keys/report.key --passphrase-from file:old": "a person types it at a terminal",
}
"""What cannot be given here, and why."""

ERASE = 'erase plan.yaml --dataset pmsi --headers --reason "permit R-7 has ended" --execute'
TYPED: Mapping[str, str] = {
    "explain plan.yaml - --dataset pmsi --json": "mco.csv\n",
    ERASE: "pmsi\n",
}
"""What is typed for an example."""

OK, USAGE, REFUSED, FINDINGS = Exit.OK, Exit.USAGE, Exit.REFUSED, Exit.FINDINGS
CONFLICT = FINDINGS
"""One of the scans is in conflict with somebody else's object, and that is told."""

ASKED = (
    "grant plan.yaml --dataset pmsi --to lab.pub --permit R-7 --until 2027-12-31"
    ' --purpose "survival after stroke" --out lab'
)


# --- states, and what is given in each -----------------------------------------------------------


def fresh(box: Sandbox) -> None:
    """Nothing has been run."""


def without_keys(box: Sandbox) -> None:
    box.enter("fresh")
    shutil.rmtree(box.folder / "keys")
    (box.folder / "keys").mkdir()


def moved(box: Sandbox) -> None:
    """Both batches were moved and verified, but for what is in conflict."""
    box.enter("fresh")
    box.give("run plan.yaml --until verify --no-progress", expect=CONFLICT)
    box.give("keys relock escrow.sec --new-passphrase-from env:ESCROW", expect=OK)
    root = box.folder / "root"
    shutil.copytree(box.folder / ".hdh-migrate", root / "srv" / "state")
    (root / "srv" / "state").chmod(0o700)
    (root / "media" / "escrow").mkdir(parents=True)
    shutil.copy(box.folder / "keys" / "escrow.sec", root / "media" / "escrow")


def lost(box: Sandbox) -> None:
    """The ledger is gone."""
    box.enter("moved")
    shutil.rmtree(box.folder / ".hdh-migrate")


def reported(box: Sandbox) -> None:
    """There are reports, one of which a witness has signed, and a dossier."""
    box.enter("moved")
    box.give("report plan.yaml --out evidence-2026-10", expect=OK)
    done = box.give("report plan.yaml --out evidence-2026-11 --json", expect=OK)
    box.root = done.json["root"]
    box.give("report plan.yaml --names keyed --out keyed", expect=OK)
    shutil.copytree(box.folder / "evidence-2026-10", box.folder / "witnessed")
    box.give("report sign witnessed --key witness.key --trust operator.pub", expect=OK)
    for name, archive in (
        ("witnessed", "evidence.zip"), ("evidence-2026-10", "october.zip"),
        ("evidence-2026-11", "november.zip"), ("evidence-2026-11", "evidence-2026-11.zip"),
    ):  # fmt: skip
        box.zipped(name, archive)
    box.give("forecast plan.yaml --dossier claim-2027-01", expect=OK)


def proved(box: Sandbox) -> None:
    """One object was proved from a report, also by a checkpoint that two have signed."""
    box.enter("reported")
    proof = box.give("audit prove evidence-2026-11 mco.csv", expect=OK)
    (box.folder / "proof.json").write_text(proof.out)
    for key in ("k", "witness"):
        box.give(
            f"report sign evidence-2026-11 --key {key}.key --trust operator.pub"
            " --checkpoint objects.checkpoint", expect=OK,
        )  # fmt: skip
    proof = box.give(
        "audit prove evidence-2026-11 mco.csv --checkpoint objects.checkpoint", expect=OK
    )
    (box.folder / "mco.tlog-proof").write_text(proof.out)


def opened(box: Sandbox) -> None:
    """One name of a keyed report was opened."""
    box.enter("reported")
    done = box.give("audit open plan.yaml pmsi mco.csv --bundle keyed --out mco.json --json")
    box.root = done.json["root"]


def asked(box: Sandbox) -> None:
    """Somebody asked for a grant of a part."""
    box.enter("moved")
    box.give(
        'grant plan.yaml --dataset pmsi --include "a/**" --to lab.pub --permit R-7'
        " --until 2099-12-31 --purpose x --out lab", expect=Exit.APPROVAL_MISSING,
    )  # fmt: skip
    box.grant = box.give("grants plan.yaml --json").json["grants"][0]["grant"]


def granted(box: Sandbox) -> None:
    """A reader was let read."""
    box.enter("moved")
    (box.folder / "grants").mkdir()
    shutil.copy(box.folder / "operator.pub", box.folder / "keys" / "office.pub")
    give = (
        "grant plan.yaml --dataset pmsi --to keys/me.pub --permit R-7 --until 2099-12-31"
        " --purpose x --out grants/4711"
    )
    box.give(give, expect=Exit.APPROVAL_MISSING)
    box.grant = box.give("grants plan.yaml --json").json["grants"][0]["grant"]
    box.give(f"approve plan.yaml --grant {ANY_GRANT} --key keys/dpo.key", expect=OK)
    box.give(give, expect=OK)


def approve(box: Sandbox, stage: str, *batches: str) -> None:
    for batch in batches:
        box.give(f"approve plan.yaml --batch {batch} --stage {stage} --key keys/dpo.key", expect=OK)


def resealing(box: Sandbox) -> None:
    """That everything is sealed anew was approved."""
    box.enter("moved")
    approve(box, "reseal", "pilot", "imaging")


def rotating(box: Sandbox) -> None:
    """The plan has a new key in the place of the steward's, and that was approved."""
    box.enter("moved")
    seal = dict(box.site.section("seal"))
    seal["recipients"] = [
        one.replace("steward.pub", "steward-2027.pub") for one in seal["recipients"]
    ]
    box.site.change(seal={**seal, "identity": "file:keys/steward-2027.sec"})
    approve(box, "rotate", "pilot", "imaging")


def approved(box: Sandbox) -> None:
    """The cutover was approved."""
    box.enter("moved")
    approve(box, "cutover", "pilot")


def switched(box: Sandbox) -> None:
    """The pilot is switched, and its end is approved."""
    box.enter("approved")
    box.give("cutover start plan.yaml --batch pilot", expect=OK)
    approve(box, "finalize", "pilot")


def final(box: Sandbox) -> None:
    """There is no way back for the pilot, and a report that says so."""
    box.enter("switched")
    box.give('cutover finalize plan.yaml --batch pilot --reason "the DPO"', expect=OK)
    approve(box, "decommission", "pilot")
    box.give("report plan.yaml --out evidence-2026-11", expect=OK)


def apart(box: Sandbox) -> None:
    """Headers are kept apart, and that those of a dataset are erased was approved."""
    box.enter("fresh")
    for name in ("hybrid", "copies"):
        (box.folder / name).mkdir(mode=0o700)
    for name in ("steward", "escrow"):
        new_hybrid_pair(box.folder / "hybrid", name, passphrase=None)
    box.site.change(
        migration="apart", cutovers=None, freeze=None,
        seal={
            "format": "crypt4gh", "header": "detached", "suffix": ".segments",
            "second_copy": {"path": "copies"},
            "recipients": ["hybrid/steward.pub", "hybrid/escrow.pub"],
            "identity": "file:hybrid/steward.sec",
        },
    )  # fmt: skip
    box.give("run plan.yaml --until verify --no-progress", expect=OK)
    box.give("approve plan.yaml --stage erase --dataset pmsi --key keys/dpo.key", expect=OK)


STATES: tuple[tuple[Callable[[Sandbox], None], Mapping[str, Exit]], ...] = (
    (
        fresh,
        {
            "init emc2": OK,
            "init emc2 --json": OK,
            "validate plan.yaml": OK,
            "validate plan.yaml --sample --json": OK,
            "docs operations": OK,
            "docs --schema status": OK,
            "preflight plan.yaml": OK,
            "preflight plan.yaml --batch pilot --json": OK,
            "run plan.yaml --dry-run": CONFLICT,
            "inventory plan.yaml --batch pilot --refresh": OK,
            "providers list": OK,
            "providers list --json": OK,
            "providers show scaleway": OK,
            "providers show scaleway --own profile.yaml --json": OK,
            "probe plan.yaml --bucket scratch": OK,
            "probe plan.yaml --dry-run": OK,
            "provision plan.yaml": OK,
            "provision plan.yaml --policy policy.json --execute": OK,
            "worker --new-ca keys/cluster --days 90": OK,
            "keys show keys/steward.sec --public keys/steward-again.pub": OK,
            "keys show keys/report.key --passphrase-from file:secrets/report": OK,
            "keys relock keys/steward.sec --new-passphrase-from env:STEWARD": OK,
            "audit verifier --out verifier": OK,
            "audit verifier --out verifier --json": OK,
            'hold plan.yaml --reason "ward 3 still writes"': OK,
            "hold plan.yaml --release": OK,
            "notify plan.yaml --test": OK,
            "notify plan.yaml --json": OK,
            (
                "waive plan.yaml --what attestation --until 2026-12-15 --key keys/dpo.key"
                ' --reason "visa renewal, ref. 12"'
            ): OK,
        },
    ),
    (
        without_keys,
        {
            "keys new report --purpose report --valid-until 2027-12-31": OK,
            "keys import ~/.ssh/id_ed25519.pub --name dpo": OK,
            "keys import dpo.pub --name dpo --valid-until 2027-12-31": OK,
        },
    ),
    (
        moved,
        {
            "plan diff plan.yaml": OK,
            "plan diff plan.yaml --json": OK,
            "run plan.yaml --batch pilot --refresh --out evidence-2026-11": OK,
            # Of a report that the service writes; tests/live/test_third_count.py has one.
            "inventory plan.yaml --compare 2026/11/26/09-00-00/emc2": USAGE,
            "transfer plan.yaml": CONFLICT,
            "transfer plan.yaml --batch pilot --no-progress": OK,
            "rehydrate plan.yaml": OK,
            "rehydrate plan.yaml --batch imaging --execute": OK,
            "verify plan.yaml --batch pilot --json": OK,
            "verify plan.yaml --again --older-than 30d": CONFLICT,
            'amend plan.yaml --batch pilot --reason "scratch files, ref. 21"': OK,
            'amend plan.yaml --batch pilot --reason "scratch files, ref. 21" --execute': OK,
            "pause plan.yaml": OK,
            'pause plan.yaml --reason "the line is needed for a transfer of scans"': OK,
            "resume plan.yaml": OK,
            "resume plan.yaml --json": OK,
            "limit plan.yaml 200MiB/s --for 2h": OK,
            "limit plan.yaml --release": OK,
            "status plan.yaml --check --batch pilot": OK,
            "history plan.yaml": OK,
            "history plan.yaml --last 100 --json": OK,
            "forecast plan.yaml --at 400MiB/s --begins 2027-01-12": OK,
            "forecast plan.yaml --dossier claim-2027-01": OK,
            "ls plan.yaml --state failed --show-names": OK,
            "ls plan.yaml --dataset scans --code conflict --json": OK,
            "errors plan.yaml": CONFLICT,
            "errors plan.yaml --show-names --json": CONFLICT,
            "explain plan.yaml pmsi/2024/mco.csv": OK,
            "explain plan.yaml - --dataset pmsi --json": OK,
            'fetch plan.yaml pmsi mco.csv --out mco.csv --reason "ticket 4711"': OK,
            "fetch plan.yaml scans 2024/0001.dcm --out 0001.dcm --reason audit --json": OK,
            "restore-view plan.yaml": CONFLICT,
            'restore-view plan.yaml --dataset pmsi --out pmsi.jsonl --reason "restore drill"': OK,
            ASKED: Exit.APPROVAL_MISSING,
            "grants plan.yaml": OK,
            "grants plan.yaml --json": OK,
            "rehearse plan.yaml --batch pilot": OK,
            "rehearse plan.yaml --batch pilot --json": OK,
            "approve plan.yaml --batch pilot --stage cutover --key keys/dpo.key --for 7d": OK,
            "report plan.yaml --out evidence-2026-11": OK,
            "report plan.yaml --names keyed --out for-outsiders": OK,
            "audit journal plan.yaml": OK,
            (
                "waive plan.yaml --what finding.conflict --until 2026-12-15 --key keys/dpo.key"
                ' --reason "left in place, ref. 14"'
            ): OK,
            "judge plan.yaml": OK,
            # Nothing was lost here; tests/live/test_judged.py has one that was.
            (
                "judge plan.yaml --what look.pilot.2 --notified CNIL-2026-11-0417 --on 2026-11-28"
                " --key keys/dpo.key"
            ): USAGE,
            "ledger backup plan.yaml --to /mnt/other-disk/ledgers": OK,
            "ledger backup plan.yaml --keep 30 --json": OK,
            "ledger check plan.yaml": OK,
            "ledger check plan.yaml --state-dir /srv/state --json": OK,
            "fence plan.yaml": OK,
            'fence plan.yaml --take-over --reason "the other machine burned"': OK,
            "cleanup plan.yaml --older-than 7d --execute": OK,
            "cleanup plan.yaml --others pmsi": OK,
            "keys drill plan.yaml --key /media/escrow/escrow.sec --stored 20": OK,
            "keys drill plan.yaml --key escrow.sec --passphrase-from env:ESCROW --json": OK,
            "reseal plan.yaml": OK,
        },
    ),
    (lost, {"adopt plan.yaml": CONFLICT}),
    (
        reported,
        {
            "report sign evidence-2026-11 --key witness.key --trust operator.pub": OK,
            (
                "report sign evidence-2026-11 --key k.key --trust k.pub"
                " --checkpoint objects.checkpoint"
            ): OK,
            "report timestamp evidence-2026-11 --request request.tsq": OK,
            "audit verify evidence-2026-11 --trust operator.pub": OK,
            "audit verify evidence.zip --trust operator.pub --trust witness.pub --threshold 2": OK,
            "audit show evidence-2026-11 --trust operator.pub": OK,
            "audit show evidence.zip --language fr": OK,
            "audit dossier claim-2027-01 --trust operator.pub": OK,
            "audit dossier claim-2027-01 --trust operator.pub --json": OK,
            "audit compare evidence-2026-10 evidence-2026-11 --trust operator.pub": OK,
            "audit compare october.zip november.zip --trust operator.pub --json": OK,
            "audit export evidence-2026-11 --format csv --what findings --dialect excel-fr": OK,
            "audit export evidence.zip --format bagit --out bag-2026-11": OK,
            "audit prove evidence-2026-11.zip mco.csv --dataset pmsi": OK,
            "audit open plan.yaml pmsi pmsi/2024/mco.csv --bundle keyed --out mco.json": OK,
            "audit open plan.yaml pmsi mco.csv --bundle keyed --out mco.json --json": OK,
            "audit journal evidence-2026-11 --trust operator.pub": OK,
            "adopt plan.yaml --bundle evidence-2026-11 --batch pilot --json": OK,
        },
    ),
    (
        proved,
        {
            "audit prove evidence-2026-11 mco.csv --checkpoint objects.checkpoint": OK,
            "audit check-proof proof.json --root $ROOT": OK,
            (
                "audit check-proof mco.tlog-proof --trust operator.pub --trust witness.pub"
                " --threshold 2"
            ): OK,
        },
    ),
    (
        opened,
        {
            "audit check-opening mco.json --root $ROOT": OK,
            "audit check-opening mco.json --root $ROOT --show-names": OK,
        },
    ),
    (
        asked,
        {f'approve plan.yaml --grant {ANY_GRANT} --include "a/**" --key keys/dpo.key': OK},
    ),
    (
        granted,
        {
            "open grants/4711 --identity keys/me.sec --trust keys/office.pub --list": OK,
            'open grants/4711 --identity keys/me.sec --get "2024/**" --out data --sealed': OK,
            (  # the host has no policies of buckets, as far as is known
                f"grant plan.yaml --policy {ANY_GRANT} --principal arn:aws:iam::123456789012:root"
                " --execute --credential-id env:ADMIN_ID --credential-secret env:ADMIN_SECRET"
            ): REFUSED,
            f'revoke plan.yaml {ANY_GRANT} --reason "the study ended"': FINDINGS,
            (
                f"revoke plan.yaml {ANY_GRANT} --reason withdrawn --credential-id env:ADMIN_ID"
                " --credential-secret env:ADMIN_SECRET"
            ): FINDINGS,
        },
    ),
    (resealing, {"reseal plan.yaml --execute": CONFLICT}),
    (
        rotating,
        {
            "keys rotate plan.yaml --from keys/steward.pub --to keys/steward-2027.pub": OK,
            "keys rotate plan.yaml --from old.pub --to new.pub --identity old.sec --execute": (
                CONFLICT
            ),
        },
    ),
    (
        approved,
        {
            "cutover start plan.yaml --batch pilot": OK,
            "cutover start plan.yaml --batch pilot --json --no-progress": OK,
        },
    ),
    (
        switched,
        {
            "cutover rollback plan.yaml --batch pilot": OK,
            "cutover rollback plan.yaml --batch pilot --show-names": OK,
            "cutover finalize plan.yaml --batch pilot": REFUSED,  # the window is open
            'cutover finalize plan.yaml --batch pilot --reason "window shortened by the DPO"': OK,
        },
    ),
    (
        final,
        {
            "decommission plan.yaml --batch pilot --evidence evidence-2026-11": REFUSED,  # early
            "decommission plan.yaml --batch pilot --observe": REFUSED,  # nothing was deleted
        },
    ),
    (
        apart,
        {
            "erase plan.yaml --dataset pmsi --headers": OK,
            ERASE: OK,
        },
    ),
)  # fmt: skip


NO_JSON = {"audit prove evidence-2026-11 mco.csv --checkpoint objects.checkpoint"}
"""What prints a file of another form, and is refused with `--json`."""

GIVEN = {example: code for _, examples in STATES for example, code in examples.items()}


def forms(example: str) -> list[str]:
    """Return an example as it stands, and with `--json` if no other of its verb is given so."""
    (ours,) = [leaf.verb.examples for leaf in LEAVES.values() if example in leaf.verb.examples]
    asked = [one for one in ours if one in GIVEN and one not in NO_JSON]
    if example not in asked[-1:] or any("--json" in one for one in asked):
        return [example]
    return [example, f"{example} --json"]


def test_each_example_is_given_or_it_is_said_why_not() -> None:
    documented = {one: leaf.verb.exits for leaf in LEAVES.values() for one in leaf.verb.examples}
    assert GIVEN.keys() | APART.keys() == documented.keys(), (
        "give each in the state of STATES in which it works, or say in APART why it is not given"
    )
    assert not GIVEN.keys() & APART.keys()
    assert len(APART) == 7, "one more that is not given is one more that nobody has seen to work"
    assert {one for one, code in GIVEN.items() if code not in documented[one]} == set()


@pytest.mark.live
@pytest.mark.slow
def test_every_example_ends_as_it_is_said_here(sandbox: Sandbox) -> None:
    wrong = []
    for come_to, examples in STATES:
        sandbox.grant = ANY_GRANT
        come_to(sandbox)
        sandbox.keep(come_to.__name__)
        for example, code in examples.items():
            for form in forms(example):
                sandbox.enter(come_to.__name__)
                done = sandbox.give(form, typed=TYPED.get(example, ""))
                if done.code != code or "Traceback" in done.err or "a fault of ours" in done.err:
                    wrong.append((form, done.code, done.err[-400:]))
    assert wrong == [], "\n".join(map(str, wrong))
