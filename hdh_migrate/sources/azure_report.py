"""Azure Blob Inventory reports: what the service itself wrote down of a container, some hours ago.

A report is a folder: `RULE-manifest.json`, `RULE-manifest.checksum` (its MD5), and CSV or Parquet
files in no order. All of it is held against itself: the manifest against its checksum, each file
against its size, and the rows, in the end, against the manifest's count.

Source: "Azure Storage blob inventory", Microsoft Learn.
"""

from __future__ import annotations

import binascii
import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from hdh_migrate.bounded import count_of
from hdh_migrate.clocks import seconds_of, text_of
from hdh_migrate.errors import ListingBroken, Refused, UsageError
from hdh_migrate.model import ObjectInfo, Place
from hdh_migrate.plan.files import NotRegularError, read_bounded
from hdh_migrate.software import installing
from hdh_migrate.sources.azure_listing import kind_of, size_of
from hdh_migrate.sources.http_fields import md5_hex

MANIFEST_BYTES_MAX: Final = 16 << 20
FIELD_CHARS_MAX: Final = 1 << 20
ROW_GROUP_BYTES_MAX: Final = 2 << 30
PORTION: Final = 5_000
COLUMNS: Final = {
    "glob": "Name", "prefix": "Name", "keys_from": "Name", "larger_than": "Content-Length",
    "smaller_than": "Content-Length", "older_than": "Last-Modified", "newer_than": "Last-Modified",
    "modified_before": "Last-Modified", "modified_since": "Last-Modified", "tier": "AccessTier",
    "tags": "Tags", "type": "BlobType",
}  # fmt: skip
"""The column that each thing is asked of that a rule may ask."""

_READ: Final = (
    "Name", "Content-Length", "Etag", "Last-Modified", "Content-MD5", "BlobType", "AccessTier",
    "Tags", "hdi_isfolder", "CustomerProvidedKeySha256", "Snapshot", "VersionId",
    "IsCurrentVersion", "Deleted",
)  # fmt: skip
_KINDS: Final = frozenset(("blockBlob", "appendBlob", "pageBlob"))
_HIERARCHICAL: Final = frozenset(
    ("hdi_isfolder", "Owner", "Group", "Permissions", "Acl", "DeletionId")
)
"""Columns that only reports of accounts with a hierarchical namespace have."""

_NONE: Final = (None, "", "null")
Row = Mapping[str, object]


class AzureReport:
    """One report whose manifest is what its checksum says; see `ports.SourceReport`."""

    def __init__(self, folder: Path, account_url: str) -> None:
        """Read and check the manifest; no row is read yet.

        Raises:
            UsageError: there is no report in the folder.
            Refused: it is of another account, did not succeed, or is not what it says of itself.
        """
        self._folder = folder
        self.sha256, self._document = _manifest(folder)
        self._demand_account(account_url)
        rule = self._document.get("ruleDefinition")
        if self._document.get("status") != "Succeeded" or not isinstance(rule, dict):
            raise _refused("the service did not finish this report")
        if rule.get("objectType", "blob") != "blob":
            raise _refused("it is a report of containers, not of blobs")
        self._rule = rule
        self._fields = [str(one) for one in _list(rule, "schemaFields")]
        self._format = str(rule.get("format", "")).lower()
        if self._format not in {"csv", "parquet"} or "Name" not in self._fields:
            raise _refused("its manifest names no format or no columns that are known here")
        self.taken_at = _moment(self._document.get("inventoryStartTime"))
        summary = self._document.get("summary")
        count = summary.get("objectCount") if isinstance(summary, dict) else None
        if type(count) is not int or count < 0:
            raise _refused("its manifest does not count its objects")
        self._count: int = count
        self._files = [self._file(one) for one in _list(self._document, "files")]

    # --- what it is of ---------------------------------------------------------------------------

    def demand(self, place: Place, asks: frozenset[str]) -> None:
        """Demand that it is of a place, all of it, with all columns; see `ports.SourceReport`."""
        if place.as_of is not None:
            raise Refused(
                f"the report for {place.bucket} tells what is current, and the plan wants a moment",
                hint="nothing was changed; a report counts datasets without `versions` alone",
            )
        if (left_out := self._left_out(f"{place.bucket}/{place.prefix}")) is not None:
            raise _refused(f"the report is of {left_out}", place.bucket)
        lacking = sorted(
            {COLUMNS[one] for one in asks if one in COLUMNS} - set(self._fields)
            | ({"Content-Length"} - set(self._fields))
        )
        if lacking:
            raise _refused(
                f"the report has no column {', '.join(lacking)}, which is needed", place.bucket
            )

    def _left_out(self, wanted: str) -> str | None:
        """Say what else the rule's filters make of the report than all that begins so."""
        found = self._rule.get("filters")
        filters = found if isinstance(found, dict) else {}
        prefixes = [str(one) for one in _list(filters, "prefixMatch")]
        if prefixes and not any(map(wanted.startswith, prefixes)):
            inside = any(one.startswith(wanted) for one in prefixes)
            return "a part of it only" if inside else "another container or prefix"
        for one in map(str, _list(filters, "excludePrefix")):
            if one.startswith(wanted) or wanted.startswith(one):
                return "a part of it only: its rule leaves prefixes out (excludePrefix)"
        if filters.get("creationTime"):
            return "what was created lately only (creationTime)"
        # Where the namespace is hierarchical a rule cannot have page blobs.
        kinds = _KINDS - {"pageBlob"} if _HIERARCHICAL & set(self._fields) else _KINDS
        told = {str(one) for one in _list(filters, "blobTypes")} or kinds
        if lacking := kinds - told:
            return f"some types of blobs only: its rule leaves out {', '.join(sorted(lacking))}"
        return None

    @property
    def has_versions(self) -> bool:
        """Whether its rows tell ETags, by which versions are known."""
        return "Etag" in self._fields

    def _demand_account(self, account_url: str) -> None:
        theirs, ours = urlsplit(str(self._document.get("endpoint", ""))), urlsplit(account_url)
        if (theirs.hostname, theirs.path.strip("/")) != (ours.hostname, ours.path.strip("/")):
            raise _refused("the report is of another account")

    # --- rows ------------------------------------------------------------------------------------

    def objects(self, place: Place) -> Iterator[Sequence[ObjectInfo]]:
        """Give the current objects of a place, in no order; see `ports.SourceReport`."""
        begins, count = f"{place.bucket}/{place.prefix}", 0
        portion: list[ObjectInfo] = []
        for path in self._files:
            rows = self._csv(path) if self._format == "csv" else self._parquet(path)
            for row in rows:
                count += 1
                name = row.get("Name")
                if not isinstance(name, str):
                    raise _refused("a row of the report has no name")
                if name.startswith(begins) and _is_current(row):
                    portion.append(_object(row, name.partition("/")[2]))
                    if len(portion) == PORTION:
                        yield portion
                        portion = []
        if count != self._count:
            raise _refused(
                f"its manifest counts {self._count} rows, and its files have {count}: it was cut"
            )
        yield portion

    def _file(self, entry: Any) -> Path:  # noqa: ANN401 - JSON
        if not isinstance(entry, dict) or not isinstance(entry.get("blob"), str):
            raise _refused("its manifest names no files")
        name = entry["blob"].rpartition("/")[2]
        path: Path = self._folder / name
        if name in {"", ".", ".."} or not path.is_file():
            raise _refused("a file that its manifest names is not there")
        if path.stat().st_size != entry.get("size"):
            raise _refused("a file has another size than its manifest says: it was cut or changed")
        return path

    def _csv(self, path: Path) -> Iterator[Row]:
        csv.field_size_limit(FIELD_CHARS_MAX)
        try:
            with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
                rows = csv.reader(file, strict=True)
                columns = next(rows, [])
                if columns != self._fields:
                    raise _refused("the columns of a file are not those of its manifest")
                for cells in rows:
                    if len(cells) != len(columns):
                        raise _refused("a row of the report has another number of columns")
                    yield dict(zip(columns, cells, strict=True))
        except (csv.Error, OSError) as error:
            raise _refused("a file is not whole CSV") from error

    def _parquet(self, path: Path) -> Iterator[Row]:
        arrow = _pyarrow()
        try:
            with arrow.parquet.ParquetFile(path) as file:
                have = file.schema_arrow.names
                if missing := set(self._fields) - set(have):
                    raise _refused(f"a file lacks {len(missing)} of the manifest's columns")
                columns = [name for name in _READ if name in have]
                for group in range(file.num_row_groups):
                    if file.metadata.row_group(group).total_byte_size > ROW_GROUP_BYTES_MAX:
                        raise _refused("a row group of a file is larger than 2 GiB")
                    batches = file.iter_batches(
                        batch_size=PORTION, row_groups=[group], columns=columns
                    )
                    for batch in batches:
                        yield from batch.to_pylist()
        except (OSError, ValueError, arrow.lib.ArrowException) as error:
            raise _refused("a file is not whole Parquet") from error


# --- the manifest --------------------------------------------------------------------------------


def _manifest(folder: Path) -> tuple[str, dict[str, object]]:
    try:
        found = sorted(folder.glob("*-manifest.json"))
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read") from error
    if len(found) != 1:
        raise UsageError(
            f"{folder}: {'more than one' if found else 'no'} report is here",
            hint="give the folder of one run of one rule: its files, RULE-manifest.json and"
            " RULE-manifest.checksum, as the service wrote them",
        )
    path = found[0]
    data = _read(path, MANIFEST_BYTES_MAX)
    checksum = _read(path.with_suffix(".checksum"), 4096).strip().strip(b'"')
    digest = hashlib.md5(data, usedforsecurity=False)
    known = {digest.hexdigest().encode(), binascii.b2a_base64(digest.digest()).strip()}
    if checksum.lower() not in known and checksum not in known:
        raise _refused("its manifest is not the one of its checksum file")
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _refused("its manifest is not JSON") from error
    if not isinstance(manifest, dict):
        raise _refused("its manifest is not JSON of a report")
    return hashlib.sha256(data).hexdigest(), manifest


def _read(path: Path, most: int) -> bytes:
    try:
        data = read_bounded(path, most)
    except FileNotFoundError as error:
        raise _refused(f"{path.suffix[1:]} of its manifest is not there: it did not end") from error
    except (NotRegularError, OSError) as error:
        raise _refused("its manifest or the checksum of it cannot be read") from error
    if len(data) > most:
        raise _refused("its manifest is larger than any that the service writes")
    return data


def _list(section: Mapping[str, object], name: str) -> list[Any]:
    found = section.get(name)
    return found if isinstance(found, list) else []


def _moment(cell: Any) -> str:  # noqa: ANN401 - JSON
    try:
        return text_of(datetime.fromtimestamp(seconds_of(str(cell)), UTC))
    except (ValueError, OverflowError, OSError):
        raise _refused("its manifest does not say when it was begun") from None


def _refused(what: str, container: str | None = None) -> Refused:
    where = "the inventory report" if container is None else f"the report for {container}"
    return Refused(
        f"{where}: {what}",
        hint="nothing was changed; copy the whole folder of one run of the rule again",
    )


# --- one row -------------------------------------------------------------------------------------


def _is_current(row: Row) -> bool:
    if row.get("Snapshot") not in _NONE or _true(row.get("Deleted")):
        return False
    return row.get("VersionId") in _NONE or _true(row.get("IsCurrentVersion"))


def _true(cell: object) -> bool:
    return cell is True or str(cell).lower() == "true"


def _object(row: Row, key: str) -> ObjectInfo:
    size = row.get("Content-Length")
    try:
        number = size_of(None if size in _NONE else str(size))
    except ListingBroken as error:
        raise _refused("a row of the report has no size") from error
    folder = {"hdi_isfolder": "true"} if _true(row.get("hdi_isfolder")) else {}
    seen = {
        name: None if row.get(name) in _NONE else str(row.get(name))
        for name in ("BlobType", "AccessTier", "CustomerProvidedKeySha256")
    }
    seen["BlobType"] = seen["BlobType"] or "BlockBlob"
    etag = row.get("Etag")
    return ObjectInfo(
        key=key,
        size=number,
        version="" if etag in _NONE else str(etag).strip('"'),
        modified=_date(row.get("Last-Modified")),
        md5=md5_hex(_text(row.get("Content-MD5"))),
        tags=_tags(row.get("Tags")),
        kind=kind_of(seen, folder, number),
        tier=seen["AccessTier"],
    )


def _text(cell: object) -> str | None:
    return None if cell in _NONE else str(cell)


def _date(cell: Any) -> str | None:  # noqa: ANN401 - a cell
    """Return a date of a report: text, milliseconds since 1970, or what Parquet calls a date."""
    if cell in _NONE:
        return None
    try:
        if isinstance(cell, datetime):
            return text_of(cell)
        if isinstance(cell, int) or count_of(str(cell)) is not None:
            return text_of(datetime.fromtimestamp(int(cell) / 1000, UTC))
        return text_of(datetime.fromtimestamp(seconds_of(str(cell)), UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _tags(cell: Any) -> dict[str, str]:  # noqa: ANN401 - a cell
    if cell in _NONE:
        return {}
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError) as error:
            raise _refused("the tags of a row are not what the service writes") from error
    pairs = cell.items() if isinstance(cell, dict) else cell
    try:
        return {str(name): str(value) for name, value in pairs}
    except (TypeError, ValueError) as error:
        raise _refused("the tags of a row are not what the service writes") from error


def _pyarrow() -> Any:  # noqa: ANN401 - a module
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            "reports in Parquet need pyarrow, which is not installed",
            hint=installing("inventory"),
        ) from error
    return pyarrow
