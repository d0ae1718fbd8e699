"""Inventory reports of Azure: read by row group, and refused when they are not what they say."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import Refused, UsageError
from hdh_migrate.model import ObjectInfo, Place
from hdh_migrate.sources.azure_report import AzureReport
from tests.support import reports
from tests.support.reports import row

URL = "https://hdhprod.blob.core.windows.net"
PLACE = Place(bucket="emc2", prefix="pmsi/")


def rows() -> list[dict[str, Any]]:
    return [
        row("emc2", "pmsi/é.csv", 5, Etag='"0x8D1"', Tags='{"a": "1"}', AccessTier="Cool"),
        row("emc2", "pmsi/old", 3, VersionId="2026", IsCurrentVersion="false"),
        row("emc2", "pmsi/now", 4, VersionId="2026", IsCurrentVersion="true"),
        row("emc2", "pmsi/snap", 3, Snapshot="2026-01-01T00:00:00Z"),
        row("emc2", "pmsi/gone", 3, Deleted="true"),
        row("emc2", "pmsi/dir", 0, hdi_isfolder="true") | {"hdi_isfolder": "true"},
        row("emc2", "pmsi/cold", 9, AccessTier="Archive"),
        row("emc2", "other/x", 7),
        row("emc22", "pmsi/x", 7),
    ]


def read(report: AzureReport, place: Place = PLACE) -> dict[str, ObjectInfo]:
    return {obj.key: obj for portion in report.objects(place) for obj in portion}


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("files", [1, 3])
def test_the_current_objects_of_a_place_are_given(tmp_path: Path, form: str, files: int) -> None:
    told = rows()
    for one in told:
        one["Last-Modified"] = 1_700_000_000_000 if form == "parquet" else "2023-11-14T22:13:20Z"
    report = AzureReport(reports.write(tmp_path, URL, told, form=form, files=files), URL)
    report.demand(PLACE, frozenset({"glob", "tags", "tier", "older_than"}))
    found = read(report)
    assert {key: (obj.size, obj.kind) for key, obj in found.items()} == {
        "pmsi/é.csv": (5, "object"), "pmsi/now": (4, "object"), "pmsi/dir": (0, "directory"),
        "pmsi/cold": (9, "archived"),
    }  # fmt: skip
    first = found["pmsi/é.csv"]
    assert (first.version, first.tags, first.tier) == ("0x8D1", {"a": "1"}, "Cool")
    assert first.modified == "2023-11-14T22:13:20Z"
    assert report.taken_at == "2026-11-25T09:00:00Z"
    assert report.has_versions


def test_a_checksum_may_be_in_base64(tmp_path: Path) -> None:
    folder = reports.write(tmp_path, URL, rows())
    data = (folder / "emc2-manifest.json").read_bytes()
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    (folder / "emc2-manifest.checksum").write_bytes(base64.b64encode(digest) + b"\n")
    assert AzureReport(folder, URL).taken_at


# --- what is refused ------------------------------------------------------------------------------


def other_manifest(folder: Path) -> None:
    path = folder / "emc2-manifest.json"
    path.write_bytes(path.read_bytes() + b" ")


def no_checksum(folder: Path) -> None:
    (folder / "emc2-manifest.checksum").unlink()


def cut(folder: Path) -> None:
    path = folder / "emc2_0.csv"
    path.write_bytes(path.read_bytes()[:-20])


def gone(folder: Path) -> None:
    (folder / "emc2_0.csv").unlink()


def told(folder: Path, **members: Any) -> None:
    path = folder / "emc2-manifest.json"
    reports.sign(folder, json.dumps(json.loads(path.read_bytes()) | members).encode())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (other_manifest, "its manifest is not the one of its checksum file"),
        (no_checksum, "checksum of its manifest is not there: it did not end"),
        (cut, "a file has another size than its manifest says: it was cut or changed"),
        (gone, "a file that its manifest names is not there"),
        (lambda at: told(at, status="Pending"), "the service did not finish this report"),
        (lambda at: told(at, endpoint="https://o.example"), "the report is of another account"),
        (lambda at: told(at, summary={}), "its manifest does not count its objects"),
        (lambda at: told(at, inventoryStartTime=5), "its manifest does not say when it was begun"),
        (lambda at: told(at, files=[{"blob": "..", "size": 1}]), "is not there"),
        (lambda at: reports.sign(at, b"[]"), "its manifest is not JSON of a report"),
        (lambda at: reports.sign(at, b"{"), "its manifest is not JSON"),
    ],
)
def test_a_report_that_is_not_what_it_says_is_refused(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = reports.write(tmp_path, URL, rows())
    damage(folder)
    with pytest.raises(Refused) as refused:
        AzureReport(folder, URL)
    assert message in str(refused.value)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_rows_that_are_not_as_many_as_the_manifest_counts_are_refused(
    tmp_path: Path, form: str
) -> None:
    folder = reports.write(tmp_path, URL, rows(), form=form, summary={"objectCount": 10})
    with pytest.raises(Refused, match="its manifest counts 10 rows, and its files have 9"):
        read(AzureReport(folder, URL))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_that_is_not_of_its_format_is_refused(tmp_path: Path, form: str) -> None:
    folder = reports.write(tmp_path, URL, rows(), form=form)
    path = folder / f"emc2_0.{form}"
    size = path.stat().st_size
    path.write_bytes(b'"' * size if form == "csv" else bytes(size))
    with pytest.raises(Refused, match=r"not whole|columns"):
        read(AzureReport(folder, URL))


ALL = ["blockBlob", "appendBlob", "pageBlob"]


def demand_of(folder: Path, filters: dict[str, Any], message: str | None, *more: str) -> None:
    """Demand the place of a report whose rule has such filters; it is refused with the message.

    Without `more` its columns show no hierarchical namespace.
    """
    fields = ("Name", "Content-Length", *more)
    reports.write(folder, URL, rows(), fields=fields)
    manifest = json.loads((folder / "emc2-manifest.json").read_bytes())
    manifest["ruleDefinition"]["filters"] = filters
    reports.sign(folder, json.dumps(manifest).encode())
    report = AzureReport(folder, URL)
    if message is None:
        report.demand(PLACE, frozenset())
        return
    with pytest.raises(Refused, match=message):
        report.demand(PLACE, frozenset())


@pytest.mark.parametrize(
    ("prefixes", "message"),
    [
        (["other"], "another container or prefix"),
        (["emc22/"], "another container or prefix"),
        (["emc2/pmsi/2024/"], "a part of it only"),
        (["emc2"], None),
        (["em"], None),  # of several containers: a prefix is one of their names, too
        (["x", "emc2/pm"], None),
    ],
)
def test_a_report_of_another_container_is_refused(
    tmp_path: Path, prefixes: list[str], message: str | None
) -> None:
    demand_of(tmp_path, {"blobTypes": ALL, "prefixMatch": prefixes}, message)


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"excludePrefix": ["emc2/pmsi/2024/"]}, "its rule leaves prefixes out"),
        ({"excludePrefix": ["emc2/pm"]}, "its rule leaves prefixes out"),
        ({"excludePrefix": ["emc2"]}, "its rule leaves prefixes out"),
        ({"excludePrefix": ["emc2/other/"]}, None),
        ({"creationTime": {"lastNDays": 30}}, "what was created lately only"),
        ({"blobTypes": ["blockBlob"]}, "its rule leaves out appendBlob, pageBlob"),
        ({"blobTypes": ALL, "includeSnapshots": True, "includeDeleted": True}, None),
    ],
)
def test_a_report_whose_rule_leaves_blobs_out_is_refused(
    tmp_path: Path, filters: dict[str, Any], message: str | None
) -> None:
    """Filters of a rule: `BlobInventoryPolicyFilter` of the service's management reference."""
    demand_of(tmp_path, {"blobTypes": ALL, **filters}, message)


def test_a_rule_of_a_hierarchical_account_has_no_page_blobs(tmp_path: Path) -> None:
    demand_of(tmp_path, {"blobTypes": ALL[:2]}, None, "Owner")


def test_a_column_that_a_rule_asks_about_must_be_there(tmp_path: Path) -> None:
    folder = reports.write(tmp_path, URL, rows(), fields=("Name", "Content-Length"))
    report = AzureReport(folder, URL)
    report.demand(PLACE, frozenset({"glob", "larger_than"}))
    assert not report.has_versions
    with pytest.raises(Refused, match="no column AccessTier, Tags, which is needed"):
        report.demand(PLACE, frozenset({"tier", "tags"}))


def test_a_folder_without_a_report_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no report is here"):
        AzureReport(tmp_path, URL)
