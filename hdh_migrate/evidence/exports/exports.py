"""Other forms of a bundle, for other people's tools: CSV, JUnit XML and Markdown.

Each is derived from the lines and the predicate that the report for people is derived from, and
from nothing else: the same bundle and the same options give the same bytes. None of them is
evidence; the bundle is.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from hdh_migrate.errors import UsageError
from hdh_migrate.evidence.exports.cells import safe
from hdh_migrate.evidence.exports.in_french import FRENCH, in_french, with_words
from hdh_migrate.evidence.exports.junit import junit
from hdh_migrate.evidence.exports.markdown import markdown
from hdh_migrate.evidence.exports.switches import SWITCHED, switches
from hdh_migrate.evidence.page.gone import gone_of, told_apart
from hdh_migrate.evidence.reading import CheckedBundle, demand_showable
from hdh_migrate.folders import unwritten, writing
from hdh_migrate.frozen import frozen
from hdh_migrate.model.naming import shown

SUMMED: Final = ("verified", "failed", "pending", "excluded", "vanished", "lost")
"""Where a dataset's objects ended: each inventoried one stands in one of these columns."""

COLUMNS: dict[str, Sequence[str]] = {
    "manifest": (
        *("dataset", "key", "size", "source_version", "source_modified", "source_md5", "sha256"),
        *("bucket", "target_key", "stored_size", "stored_sha256", "target_etag"),
        *("level", "verdict", "verified_at"),
    ),
    "findings": ("dataset", "key", "code", "severity", "message", "step", "at"),
    "exclusions": ("dataset", "key", "size", "rule", "reason"),
    "datasets": (
        *("batch", "dataset", "objects", "bytes"),
        *(column for state in SUMMED for column in (state, f"{state}_bytes")),
    ),
    "cutovers": SWITCHED,
}
"""The columns of each CSV file; its first row has these names, or the French ones."""


@frozen
class Dialect:
    """How a CSV file is written: what stands before its first row, and between two cells."""

    begins: bytes
    separator: str
    french: bool
    """It is in French (`in_french`), and every cell stands in quotes.

    So neither a semicolon nor a comma can begin a cell, whichever the spreadsheet splits at.
    """


def _sums(reading: CheckedBundle) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield what came of each dataset, as the statement adds it up."""
    for number, one in enumerate(reading.predicate["datasets"], start=1):
        sums = told_apart(one["tally"], gone_of(reading.predicate, one["name"]))
        line: dict[str, object] = {"batch": one["batch"], "dataset": one["name"]}
        for column, state in (("objects", "inventoried"), *((state, state) for state in SUMMED)):
            size = "bytes" if column == "objects" else f"{column}_bytes"
            line |= {column: sums[state]["objects"], size: sums[state]["bytes"]}
        yield number, line


LINES: dict[str, Callable[[CheckedBundle], Iterator[tuple[int, Mapping[str, object]]]]] = {
    "manifest": CheckedBundle.manifest,
    "findings": CheckedBundle.findings,
    "exclusions": CheckedBundle.exclusions,
    "datasets": _sums,
    "cutovers": switches,
}
"""What a CSV file may hold."""

DIALECTS: dict[str, Dialect] = {
    "rfc4180": Dialect(begins=b"", separator=",", french=False),
    "excel-fr": Dialect(begins=b"\xef\xbb\xbf", separator=";", french=True),
}
"""`excel-fr`: a spreadsheet with a French locale opens it by a double click."""


@frozen
class ExportRequest:
    """What an export is to hold.

    `what` and `dialect` (of `DIALECTS`) are of a CSV file, `language` is of Markdown.
    """

    what: str = "manifest"
    dialect: str = "rfc4180"
    language: str = "en"
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
    if dialect.french:
        columns = with_words(columns)
    yield dialect.begins + row([FRENCH[one] for one in columns] if dialect.french else columns)
    for _, line in LINES[wanted.what](reading):
        values = in_french(line) if dialect.french else line
        yield row([_cell(values[column], quoted=dialect.french) for column in columns])


def _cell(value: object, *, quoted: bool) -> str:
    """Return a value's cell; what is not known is empty, which no known text is."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else safe(shown(str(value)), quoted=quoted)


class _Encoder:
    """Makes `csv.writer.writerow` return the row's bytes."""

    def write(self, text: str) -> bytes:
        return text.encode()


def _junit(reading: CheckedBundle, wanted: ExportRequest) -> Iterator[bytes]:
    with demand_showable():
        made = junit(reading, show_names=wanted.show_names)
    yield made


def _markdown(reading: CheckedBundle, wanted: ExportRequest) -> Iterator[bytes]:
    with demand_showable():
        made = markdown(reading, wanted.language)
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
