"""What rests on a waiver is killed at every moment: the journal has it once, and both verifiers."""

from __future__ import annotations

import time
from itertools import count

import pytest

from hdh_migrate.events.cutover import CutoverFinalized, CutoverSwitching
from hdh_migrate.events.waivers import WaiversCounted
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.cutover import finalize, start
from hdh_migrate.session.verbs.report import write_report
from tests.live.test_grants_killed import desk_of, killed_everywhere
from tests.support.agreed import agreed
from tests.support.finished import Finished
from tests.support.site import NEW, Site, moved

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture
def waived(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Give a batch whose switch is approved, and held up by an object that nobody waived yet."""
    site = finished(moved)
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    site.change(waivers={"keys": ["keys/ciso.pub"]})
    site.approve("cutover")
    site.container.client.delete_blob("pmsi/b.csv")
    assert "without a signed waiver [vanished]" in site.cutover("start", expect=3).err
    return site


def waive(site: Site, what: str) -> None:
    time.sleep(0.01)  # it covers what was known when it was made
    site.cli(
        "waive", site.plan, "--what", what, "--reason", "erased on request",
        "--until", "2099-12-31", "--key", str(site.folder / "keys" / "ciso.key"), expect=0,
    )  # fmt: skip


def test_what_rests_on_a_waiver_is_killed_anywhere_and_has_it_once(waived: Site) -> None:
    waive(waived, "finding.vanished")
    start(desk_of(waived), "all")
    assert waived.pointer == NEW
    waive(waived, "attestation")  # another one comes before the end
    waived.approve("finalize")
    often = killed_everywhere(waived, lambda desk: finalize(desk, "all", "agreed"))
    assert often > 5

    ledger = desk_of(waived).read_ledger()
    try:
        told = [event for _, event in ledger.events(WaiversCounted)]
        (switching,) = [event for _, event in ledger.events(CutoverSwitching)]
        (final,) = [event for _, event in ledger.events(CutoverFinalized)]
    finally:
        ledger.close()
    assert [len(event.signed) for event in told] == [1, 1]
    assert (switching.waivers, final.waivers) == (told[0].counted, told[1].counted)

    waive(waived, "legal-basis")  # and a third before the report, which tells it
    folders = (waived.folder / f"evidence-{number}" for number in count())  # never twice
    last = [waived.folder]

    def report(desk: Desk) -> None:
        last.append(next(folders))
        write_report(desk, last[-1])

    killed_everywhere(waived, report)
    agreed(last[-1], waived.folder / "keys" / "report.pub", waived=3)
