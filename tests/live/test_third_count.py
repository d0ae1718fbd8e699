"""The source's own report: rules tried on it without a right, and a third count beside a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import reports
from tests.support.agreed import agreed
from tests.support.reports import row
from tests.support.site import CORPUS, Site

pytestmark = pytest.mark.live

LATER = "2036-01-01T00:00:00Z"


def listed(site: Site) -> list[dict[str, Any]]:
    name = site.container.name
    return [
        row(name, blob.name, blob.size, Etag=blob.etag, BlobType="BlockBlob")
        for blob in site.container.client.list_blobs()
    ]


def report(site: Site, rows: list[dict[str, Any]], **more: Any) -> str:
    folder = site.folder / f"report-{len(list(site.folder.glob('report-*')))}"
    return str(reports.write(folder, site.container.server.url, rows, **more))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_plan_is_counted_on_a_report_without_any_right(site: Site, form: str) -> None:
    folder = report(site, listed(site), form=form, files=2)
    site.environ["S_SAS"] = "sv=nothing"
    told = site.cli("validate", site.plan, "--from-report", folder, "--json", expect=0).json
    (one,) = told["sample"]
    assert told["report_taken_at"] == "2026-11-25T09:00:00Z"
    assert one["whole"] is True
    assert one["looked_at"]["objects"] == len(CORPUS)
    assert {rule["rule"]: rule["decided"]["objects"] for rule in one["rules"]} == {"exclude[0]": 1}
    assert not site.state.exists()


def audited(site: Site, name: str) -> str:
    """Write a bundle that both verifiers take; return the lines of its findings."""
    out = site.folder / name
    site.cli("report", site.plan, "--out", str(out))
    key = str(site.folder / "keys" / "report.pub")
    site.cli("audit", "verify", str(out), "--trust", key, expect=0)
    agreed(out, key)
    assert '"counted-by-report"' in (out / "journal.jsonl").read_text()
    return (out / "findings.jsonl").read_text()


def test_a_report_that_says_the_same_is_told_and_finds_nothing(site: Site) -> None:
    folder = report(site, listed(site), begun=LATER)
    said = site.cli("inventory", site.plan, "--compare", folder, expect=2).err
    assert "no run of this plan has begun here" in said
    site.cli("inventory", site.plan, expect=0)
    told = site.cli("inventory", site.plan, "--compare", folder, "--json", expect=0).json
    (one,) = told["datasets"]
    assert (one["same"], one["differences"], one["newer"]) == (len(CORPUS), 0, 0)


def test_what_differs_and_is_older_is_a_finding_until_a_newer_report_agrees(site: Site) -> None:
    site.cli("inventory", site.plan, expect=0)
    rows = listed(site)
    rows[0]["Content-Length"] += 1
    wrong = [*rows[:-1], row(site.container.name, "pmsi/unheard of", 3), rows[1]]
    folder = report(site, wrong, begun=LATER)
    told = site.cli("inventory", site.plan, "--compare", folder, "--json", expect=4).json
    (one,) = told["datasets"]
    assert (one["unlike"], one["report_only"], one["inventory_only"], one["twice"]) == (1, 1, 1, 1)
    errors = site.cli("errors", site.plan).out
    assert "report-differs" in errors
    assert "unheard" not in errors
    assert audited(site, "differing").count('"code":"report-differs"') == 1
    again = report(site, listed(site), begun=LATER)
    site.cli("inventory", site.plan, "--compare", again, expect=0)
    assert "report-differs" not in site.cli("errors", site.plan).out
    assert "report-differs" not in audited(site, "agreeing")


def test_what_changed_after_the_report_was_begun_is_no_difference(site: Site) -> None:
    site.cli("inventory", site.plan, expect=0)
    rows = listed(site)
    rows[0]["Content-Length"] += 1
    folder = report(site, rows[:-1])  # begun before all of it was written
    told = site.cli("inventory", site.plan, "--compare", folder, "--json", expect=0).json
    (one,) = told["datasets"]
    assert (one["newer"], one["differences"]) == (2, 0)


def test_a_report_of_another_account_is_refused_and_nothing_is_told(
    site: Site, tmp_path: Path
) -> None:
    site.cli("inventory", site.plan, expect=0)
    folder = str(reports.write(tmp_path / "other", "https://other.example", []))
    said = site.cli("inventory", site.plan, "--compare", folder, expect=3).err
    assert "the report is of another account" in said
    said = site.cli("validate", site.plan, "--from-report", folder, expect=3).err
    assert "the report is of another account" in said
