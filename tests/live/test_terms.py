"""Who approves, how many and with what delays changes only with those who approved before."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator

import pytest

from hdh_migrate.evidence.signatures.signing import new_report_key
from tests.support.agreed import agreed
from tests.support.finished import Finished
from tests.support.site import NEW, Site

pytestmark = pytest.mark.live

TWO = {"keys": ["keys/dpo.pub", "keys/ciso.pub"], "threshold": 2}


def entry(site: Site, *, window: str = "7d", cooling: str = "30d") -> list[object]:
    (told,) = site.section("cutovers")
    return [
        {**told, "window": window, "decommission": {**told["decommission"], "cooling": cooling}}
    ]


def let_be_switched(site: Site) -> None:
    """Prepare a batch that two let be switched, with a week to go back and a month to cool."""
    site.change(approvals=TWO, cutovers=entry(site))
    new_report_key(site.folder / "keys", "mine", None)
    site.run()
    both(site, "cutover")
    site.cutover("start", expect=0)


@pytest.fixture
def switched(finished: Finished) -> Iterator[Site]:
    site = finished(let_be_switched)
    before = site.source()
    yield site
    assert site.source() == before
    assert site.pointer == NEW


def both(site: Site, stage: str) -> None:
    for key in ("dpo", "ciso"):
        site.approve(stage, key)


def finalize(site: Site, expect: int) -> str:
    return site.cutover("finalize", "--reason", "agreed", expect=expect).err


def test_one_operator_alone_deletes_nothing(switched: Site) -> None:
    planned = {name: switched.section(name) for name in ("approvals", "cutovers")}
    alone = {"keys": ["keys/mine.pub"]}
    switched.change(approvals=alone, cutovers=entry(switched, window="1s", cooling="1s"))
    for stage in ("finalize", "terms"):
        switched.approve(stage, "mine")
    time.sleep(1.1)

    told = finalize(switched, 8)
    assert "the plan changes the terms" in told
    assert "window_seconds: 604800 -> 1" in told
    assert "2 of those who approved before must agree" in told
    assert switched.status()["waits"]["why"] == "terms"

    # Put back before anybody looks; nothing that was signed meanwhile counts.
    switched.change(**planned)
    assert "2 more approvals are needed" in finalize(switched, 8)
    both(switched, "finalize")
    finalize(switched, 0)

    switched.change(cutovers=entry(switched, cooling="1s"))
    switched.cli("report", switched.plan, "--out", str(switched.folder / "b"), expect=0)
    both(switched, "decommission")
    time.sleep(1.1)
    erase = ("decommission", switched.plan, "--batch", "all", "--evidence",
             str(switched.folder / "b"), "--execute", "--confirm", "emc2")  # fmt: skip
    assert "cooling_seconds: 2592000 -> 1" in switched.cli(*erase, expect=8).err


def test_a_key_under_the_name_of_an_approver_is_somebody_else(switched: Site) -> None:
    keys = switched.folder / "keys"
    for public in ("dpo", "ciso"):
        kept = (keys / f"{public}.pub").read_bytes()
        (keys / f"{public}.pub").write_bytes((keys / "mine.pub").read_bytes())
        switched.approve("finalize", "mine")
        assert "approvers" in finalize(switched, 8)
        (keys / f"{public}.pub").write_bytes(kept)


def test_those_who_approved_before_change_the_terms_once_and_the_report_says_so(
    switched: Site,
) -> None:
    first = entry(switched)
    shorter = entry(switched, window="1h")
    before, consent = str(switched.folder / "before"), str(switched.folder / "consent.json")
    switched.cli("report", switched.plan, "--out", before, expect=0)
    switched.change(cutovers=shorter)
    said = switched.approve("terms", "dpo")
    assert "difference: window_seconds: 604800 -> 3600" in said.err
    assert "difference: window_seconds: 604800 -> 3600" in said.out
    assert "1 of those who approved before" in finalize(switched, 8)
    trust = ("--trust", str(switched.folder / "keys" / "report.pub"))
    said = switched.approve("terms", "ciso", "--bundle", before, *trust, "--out", consent)
    assert "difference: window_seconds: 604800 -> 3600" in said.err
    switched.cli("approve", switched.plan, "--import", consent, expect=0)
    both(switched, "finalize")

    switched.change(cutovers=first)  # and back, with consent again
    assert "nothing to agree to" in switched.approve("terms", "dpo", expect=2).err
    switched.change(cutovers=shorter)
    finalize(switched, 0)

    bundle = switched.folder / "evidence"
    switched.cli("report", switched.plan, "--out", str(bundle), expect=0)
    agreed(bundle, switched.folder / "keys" / "report.pub", signed=6)
    page = (bundle / "report.fr.html").read_text()
    assert page.index("les conditions de la bascule") < page.index("<h1>")
    assert "Agreed to by those who approved before" in (bundle / "report.en.html").read_text()
    ((told),) = json.loads(switched.cli("status", switched.plan, "--json").out)["batches"]
    assert told["cutover"]["stage"] == "finalized"

    switched.change(cutovers=first)
    back = ("decommission", switched.plan, "--batch", "all", "--evidence", str(bundle),
            "--execute", "--confirm", "emc2")  # fmt: skip
    assert "window_seconds: 3600 -> 604800" in switched.cli(*back, expect=8).err
    dry = back[:6]
    assert "2 of those who approved before must agree" in switched.cli(*dry, expect=3).out
    both(switched, "terms")
    said = switched.cli(*dry, expect=3).out  # it says what --execute would find
    assert "terms differ" not in said
    assert "approval: 2 more approvals are needed" in said


def test_consent_to_other_terms_is_used_once(switched: Site) -> None:
    first, shorter = entry(switched), entry(switched, window="1h")
    for sections in itertools.islice(itertools.cycle((shorter, first)), 2):
        switched.change(cutovers=sections)
        both(switched, "terms")
        assert "2 more approvals are needed" in finalize(switched, 8)

    switched.change(cutovers=shorter)  # agreed to once, and undone since
    told = finalize(switched, 8)
    assert "the plan changes the terms" in told
    assert "it is older than what it would have to know of" in told
