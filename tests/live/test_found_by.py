"""The lines of a real bundle say which step found what, and both verifiers take them."""

from __future__ import annotations

import json
import threading

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.model import Step
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.report import write_report
from hdh_migrate.session.verbs.run import perform
from tests.support import second_verifier as second
from tests.support.affair import Affair
from tests.support.here import HERE
from tests.support.quiet import Notes

pytestmark = pytest.mark.live


def test_a_bundle_says_which_step_found_what(affair: Affair) -> None:
    unused = '    exclude: [{glob: "never/**", reason: a slip of the pen}]\n'
    affair.plan("    target: {bucket", unused + "    target: {bucket")
    affair.plan("limits:", 'report: {signer: "file:keys/report.key"}\nlimits:')
    affair.bucket.client.put_object(
        Bucket=affair.bucket.name, Key="in/empty.c4gh", Body=b"somebody else's"
    )
    desk = Desk.open(affair.folder / "plan.yaml", None, Notes(), threading.Event(), HERE)
    assert perform(desk, list(Step), ())[0] is Exit.FINDINGS
    bundle = affair.folder / "bundle"
    write_report(desk, bundle)

    lines = [json.loads(line) for line in (bundle / "findings.jsonl").read_text().splitlines()]
    assert {line["code"]: line["step"] for line in lines} == {
        "rule-unused": "inventory",
        "conflict": "transfer",
    }
    key = load_trusted_key(affair.folder / "keys" / "report.pub")
    check_bundle(bundle, [key])
    assert second.verify(bundle, {key.fingerprint: (key.public, None)}, 1) == []
