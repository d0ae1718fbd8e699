"""Every place that reads XML from outside: none resolves an entity, in whatever dress it comes."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

import hdh_migrate
from hdh_migrate import markup
from hdh_migrate.errors import AccessDenied, ConnectionLost, ListingBroken, Permanent, ShortRead
from hdh_migrate.pointers.s3_object import _version_ids
from hdh_migrate.sources.azure_account import from_reply as azure_error
from hdh_migrate.sources.azure_forms import _form
from hdh_migrate.sources.azure_listing import EntryReader
from hdh_migrate.sources.azure_recount import parse_brief
from hdh_migrate.targets.conditions import _answer
from hdh_migrate.targets.s3_endpoint import S3Endpoint, _plain, xml_code
from hdh_migrate.targets.s3_endpoint import from_reply as s3_error
from hdh_migrate.transport import Reply
from tests.support.undone import parse_page

PACKAGE = Path(hdh_migrate.__file__).parent
ENTITY = "<!DOCTYPE x [<!ENTITY name 'patient'>]>"
OUTSIDE = "<!DOCTYPE x [<!ENTITY name SYSTEM 'file:///etc/hostname'>]>"
PARAMETER = "<!DOCTYPE x [<!ENTITY % p 'x'> %p; <!ENTITY name 'patient'>]>"
LAUGHS = "<!DOCTYPE x [<!ENTITY a 'patient'>" + "".join(
    f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefg", "bcdefgh", strict=True)
) + "<!ENTITY name '&h;'>]>"  # fmt: skip
LATE = "<!-- " + "c" * 1_100 + " -->"
"""A comment longer than the look of a hand-made guard."""


def dressed(document: str) -> dict[str, bytes]:
    """Return a document in every dress in which a document type comes."""
    found = {
        "at once": ENTITY + document,
        "after a comment": LATE + ENTITY + document,
        "after many comments": LATE * 60 + ENTITY + document,
        "after an instruction": f"<?pi {'p' * 2_000}?>{ENTITY}{document}",
        "after blank lines": "\n" * 5_000 + ENTITY + document,
        "from a file": OUTSIDE + document,
        "by a parameter": PARAMETER + document,
        "many times": LAUGHS + document,
    }
    made = {name: text.encode() for name, text in found.items()}
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037"):
        declared = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
        made[f"declared in {encoding}"] = (declared + ENTITY + document).encode(encoding)
        made[f"in {encoding}"] = (ENTITY + document).encode(encoding)
    return made


PAGE = (
    "<EnumerationResults><Blobs><Blob><Name>&name;</Name><Properties>"
    "<Content-Length>1</Content-Length><Etag>e</Etag><BlobType>BlockBlob</BlobType></Properties>"
    "</Blob></Blobs><NextMarker/></EnumerationResults>"
)
ERROR = "<Error><Code>&name;</Code><Message>&name;</Message></Error>"
VERSIONS = (
    "<ListVersionsResult><Version><Key>k</Key><VersionId>&name;</VersionId></Version>"
    "</ListVersionsResult>"
)
LOCATION = "<LocationConstraint>&name;</LocationConstraint>"


def count(body: bytes) -> object:
    objects, marker = parse_page(body)
    return [one.key for one in objects], marker


def look_for_remnants(body: bytes) -> object:
    reader = EntryReader(10, _form)
    reader.write(body)
    return reader.page()


def count_again(body: bytes) -> object:
    briefs, marker = parse_brief(body)
    return briefs, marker


class Answers:
    """An endpoint that gives one reply."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def send(self, *_: object, **__: object) -> Reply:
        return Reply(status=200, body=self._body)


def look_at_region(body: bytes) -> object:
    found = _answer(cast("S3Endpoint", Answers(body)), "b", "location", "LocationConstraint")
    return None if found is None else found.text


def refusal_of_azure(body: bytes) -> object:
    found = azure_error(Reply(status=403, body=body), "the source")
    assert isinstance(found, AccessDenied)
    return str(found), found.code


def refusal_of_s3(body: bytes) -> object:
    found = s3_error(Reply(status=403, body=body), "the target")
    assert isinstance(found, Permanent)
    return str(found), found.code, xml_code(body)


REFUSED = (ListingBroken, ConnectionLost, ShortRead, markup.NotWhole, markup.Unwanted)
PLACES: dict[str, tuple[str, Callable[[bytes], Any], object]] = {
    "a page of a listing": (PAGE, count, REFUSED),
    "a page of the second listing": (PAGE, count_again, REFUSED),
    "a page of what is left after deletes": (PAGE, look_for_remnants, REFUSED),
    "a reply to a control call": (
        LOCATION, lambda body: _plain(Reply(status=200, body=body)), REFUSED,
    ),
    "a refusal of a control call": (ERROR, lambda body: _plain(Reply(status=403, body=body)), b""),
    "a setting of a bucket": (LOCATION, look_at_region, REFUSED),
    "an error of Azure": (
        ERROR, refusal_of_azure, ("the source: no reason given (HTTP 403)", ""),
    ),
    "an error of S3": (ERROR, refusal_of_s3, ("the target: no reason given (HTTP 403)", "", "")),
    "a pointer's versions": (VERSIONS, lambda body: _version_ids(body, "k"), []),
}  # fmt: skip
"""For each place a document, what reads it, and what comes of a hostile one."""


@pytest.mark.parametrize("place", PLACES)
def test_each_place_reads_what_it_is_for(place: str) -> None:
    document, read, _ = PLACES[place]
    assert "patient" in repr(read(document.replace("&name;", "patient").encode()))


@pytest.mark.parametrize("place", PLACES)
def test_no_place_takes_a_document_type(place: str) -> None:
    document, read, expected = PLACES[place]
    for dress, body in dressed(document).items():
        try:
            found = read(body)
        except REFUSED:
            found = REFUSED
        assert found == expected, dress


_MAY_IMPORT = re.compile(r"^\s*(?:import|from)\b.*xml|ElementTree|\\\n", re.MULTILINE)
"""Each name that is looked for has one of the two; a line that goes on may hide it."""


@pytest.mark.slow
def test_only_one_module_makes_parsers_of_xml() -> None:
    makes = {"fromstring", "XML", "XMLID", "parse", "iterparse", "XMLParser", "XMLPullParser"}
    found = set()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        if not _MAY_IMPORT.search(text):
            continue
        tree = ast.parse(text)
        names = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom | ast.Import)
            for alias in node.names
            if "ElementTree" in alias.name
        }
        for node in ast.walk(tree):
            where = ""
            if isinstance(node, ast.ImportFrom):
                where = f"{node.module}.{node.names[0].name}"
            elif isinstance(node, ast.Import):
                where = node.names[0].name
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                where = "made" if node.value.id in names and node.attr in makes else ""
            if where == "made" or where.startswith(
                ("xml.parsers", "xml.dom", "xml.sax.expat", "lxml", "xmltodict", "defusedxml")
            ):
                found.add(path.name)
    assert found == {"markup.py"}
