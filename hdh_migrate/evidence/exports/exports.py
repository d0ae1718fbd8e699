"""Other forms of a bundle, for other people's tools: CSV, JUnit XML and Markdown.

Each is derived from the lines and the predicate that the report for people is derived from, and
from nothing else: the same bundle and the same options give the same bytes. None of them is
evidence; the bundle is.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hdh_migrate.codes import Severity
from hdh_migrate.errors import UsageError
from hdh_migrate.evidence.exports.cells import safe
from hdh_migrate.evidence.exports.junit import junit
from hdh_migrate.evidence.exports.markdown import markdown
from hdh_migrate.evidence.page.messages import french
from hdh_migrate.evidence.reading import CheckedBundle, demand_showable
from hdh_migrate.folders import unwritten, writing
from hdh_migrate.frozen import frozen
from hdh_migrate.model.naming import shown

COLUMNS: dict[str, Sequence[str]] = {
    "manifest": (
        *("dataset", "key", "size", "source_version", "source_modified", "source_md5", "sha256"),
        *("bucket", "target_key", "stored_size", "stored_sha256", "target_etag"),
        *("level", "verdict", "verified_at"),
    ),
    "findings": ("dataset", "key", "code", "severity", "message", "step", "at"),
    "exclusions": ("dataset", "key", "size", "rule", "reason"),
}
"""The columns of each CSV file; its first row has these names, or the French ones."""

FRENCH: Mapping[str, str] = {
    "dataset": "jeu de données", "key": "nom", "size": "octets",
    "source_version": "version à la source", "source_modified": "modifié à la source le",
    "source_md5": "MD5 à la source", "sha256": "SHA-256", "bucket": "bucket",
    "target_key": "nom sur la cible", "stored_size": "octets sur la cible",
    "stored_sha256": "SHA-256 sur la cible", "target_etag": "ETag sur la cible",
    "level": "niveau de vérification", "verdict": "verdict", "verified_at": "vérifié le",
    "code": "code", "severity": "gravité", "message": "constat", "step": "étape",
    "at": "constaté le", "rule": "règle", "reason": "motif",
}  # fmt: skip
"""What the columns are called in French."""

_SEVERITIES: Mapping[object, str] = {
    Severity.FINDING: "constat", Severity.NOTE: "note", Severity.BLOCKER: "refus",
}  # fmt: skip


@frozen
class Dialect:
    """How a CSV file is written: what stands before its first row, and between two cells."""

    begins: bytes
    separator: str
    french: bool
    """Headers, severities and messages are in French, and every cell stands in quotes.

    So neither a semicolon nor a comma can begin a cell, whichever the spreadsheet splits at.
    """


LINES: dict[str, Callable[[CheckedBundle], Iterator[tuple[int, Mapping[str, object]]]]] = {
    "manifest": CheckedBundle.manifest,
    "findings": CheckedBundle.findings,
    "exclusions": CheckedBundle.exclusions,
}
"""What a CSV file may hold."""

DIALECTS: dict[str, Dialect] = {
    "rfc4180": Dialect(begins=b"", separator=",", french=False),
    "excel-fr": Dialect(begins=b"\xef\xbb\xbf", separator=";", french=True),
}
"""`excel-fr`: a spreadsheet with a French locale opens it by a double click."""


@frozen
class ExportRequest:
    """What an export is to hold. `what` and `dialect` (of `DIALECTS`) are of a CSV file."""

    what: str = "manifest"
    dialect: str = "rfc4180"
    show_names: bool = False


def _csv(reading: CheckedBundle, wanted: ExportRequest) -> Iterator[bytes]:
    """Yield the rows of a CSV file (RFC 4180, UTF-8); every text cell passes `cells.safe`."""
    columns, dialect = COLUMNS[wanted.what], DIALECTS[wanted.dialect]
    writer = csv.writer(
        _Encoder(),
        delimiter=dialect.separator,
        quoting=csv.QUOTE_ALL if dialect.french else csv.QUOTE_MINIMAL,
        lineterminator="\r\n",
    )
    row = writer.writerow
    yield dialect.begins + row([FRENCH[one] for one in columns] if dialect.french else columns)
    for _, line in LINES[wanted.what](reading):
        values = _in_french(line) if dialect.french else line
        yield row([_cell(values[column], quoted=dialect.french) for column in columns])


def _in_french(line: Mapping[str, object]) -> Mapping[str, object]:
    """Return a line as a French reader has it; a message that has no French stays as it is."""
    if "message" not in line:
        return line
    said = french(str(line["message"]))
    message = line["message"] if said is None else _SPACES.sub(" ", said.striptags())
    severity = line["severity"]
    return {**line, "message": message, "severity": _SEVERITIES.get(severity, severity)}


_SPACES = re.compile("[\u00a0\u202f]")


def _cell(value: object, *, quoted: bool) -> str:
    """Return a value's cell; what is not known is empty, which no known text is."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else safe(shown(str(value)), quoted=quoted)


class _Encoder:
    """Makes `csv.writer.writerow` return the row's bytes."""

    def write(self, text: str) -> Any:  # noqa: ANN401 - what writerow passes on
        return text.encode()


def _junit(reading: CheckedBundle, wanted: ExportRequest) -> Iterator[bytes]:
    with demand_showable():
        made = junit(reading, show_names=wanted.show_names)
    yield made


def _markdown(reading: CheckedBundle, wanted: ExportRequest) -> Iterator[bytes]:
    del wanted
    with demand_showable():
        made = markdown(reading)
    yield made


FORMATS: dict[str, Callable[[CheckedBundle, ExportRequest], Iterator[bytes]]] = {
    "csv": _csv,
    "junit": _junit,
    "markdown": _markdown,
}
"""Every export; each gives the file's bytes piece by piece."""


def save(pieces: Iterable[bytes], out: Path) -> int:
    """Write a new file, readable by its owner only, whole or not at all; return its length.

    Raises:
        UsageError: `out` exists, or its folder cannot be written to.
        NoSpace: the disk is full.
    """
    try:
        with writing(out) as file:
            file.writelines(pieces)
            size = file.tell()
    except FileExistsError:
        hint = "give another --out; nothing is overwritten"
        raise UsageError(f"{out} exists", hint=hint) from None
    except OSError as error:
        raise unwritten(out, error) from None
    return size
