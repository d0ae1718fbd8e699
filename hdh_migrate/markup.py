"""XML that comes from outside: no document type in any encoding, read as a stream, within bounds.

A tree takes about twenty times the memory of its text, and much more of a text that is made for
it. So a long reply gives its entries one by one, each of them bounded, and a short one is short.
A document type is refused by the parser itself, where it would begin, so that no spelling and no
encoding hides one; only UTF-8 is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET
from xml.parsers import expat

PIECE: Final = 65_536
TAG_MAX: Final = 131_072
"""Bytes of the longest tag, comment or instruction."""

SMALL_MAX: Final = 1 << 20
SMALL_ELEMENTS: Final = 20_000
"""Bytes and elements of a reply that is read as one tree."""

_ENCODINGS: Final = frozenset((None, "utf-8", "us-ascii"))


class NotWhole(ValueError):
    """This is no XML, or it ends early."""


class Unwanted(ValueError):
    """This is XML that no service has a reason to send; the message says what of it."""


def escaped(text: str) -> str:
    """Return text as it stands between two tags; `xml.sax.saxutils` has an HTTP client with it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class EntryParser:
    """Takes a document in any cut and gives each element of one name when it is complete.

    The parser tells nothing of what it finds, for to tell of each element would cost as much as to
    read it: it is seen in the tree what has been added since.
    """

    def __init__(
        self, entry: str, *, within: str, most: int, entry_most: int, elements: int
    ) -> None:
        """Bound the document's bytes, those from one entry to the next, and all its elements.

        What has no end tag of its own counts for half of one. Entries stand `within` an element
        of the document's first level, or in the document itself (`.`).
        """
        self._entry, self._within = entry, within
        self._most, self._entry_most = most, entry_most
        self._tags = 2 * elements
        builder = ET.TreeBuilder()
        self._outside = builder.start("", {})
        """The document becomes the one element in it."""
        self._parser: ET.XMLParser[ET.Element] = ET.XMLParser(target=builder)  # noqa: S314 - within bounds, without document types
        self._prolog = _Prolog()
        self._held = b""
        """What came before the first element: nobody else sees it before it was judged."""
        self._given = self._size = self._since = 0

    def feed(self, data: bytes) -> Iterator[ET.Element]:
        """Take the next bytes; each entry that it gives is emptied when the next one is asked for.

        Raises:
            NotWhole, Unwanted: the document is not what it must be.
        """
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            self._size += len(piece)
            self._since += len(piece)
            if self._size > self._most:
                raise Unwanted(f"more than {self._most} bytes")
            self._tags -= piece.count(b"<")  # before they are made
            if self._tags < 0:
                raise Unwanted("too many elements")
            try:
                self._prolog.feed(piece)
                if not self._prolog.is_over:
                    self._held += piece
                    continue
                self._parser.feed(self._held + piece if self._held else piece)
                self._held = b""
            except ET.ParseError as error:
                raise NotWhole("no XML") from error
            for entry in self._complete():
                self._since = len(piece)
                yield entry
                entry.clear()
            if self._since > self._entry_most:
                raise Unwanted(f"an entry of more than {self._entry_most} bytes")

    def _complete(self, *, all_of_them: bool = False) -> list[ET.Element]:
        """Return the entries that were not given yet; the last one may grow while it is the last.

        One without elements of its own is none.
        """
        document = next(iter(self._outside), None)
        entries = None if document is None else document.find(self._within)
        if document is None or entries is None:
            return []
        given, grows = self._given, entries is document or document[-1] is entries
        self._given = max(0, len(entries) - (1 if grows and not all_of_them else 0))
        found = entries[given : self._given] if given < self._given else []
        return [one for one in found if one.tag == self._entry and len(one)]

    def end(self) -> Iterator[ET.Element]:
        """Take the end of the document, and give the entries that are complete only now.

        Raises:
            NotWhole: it is not the end.
        """
        if not self._prolog.is_over:
            raise NotWhole("no element")
        try:
            self._parser.close()
        except ET.ParseError as error:
            raise NotWhole("cut XML") from error
        for entry in self._complete(all_of_them=True):
            yield entry
            entry.clear()

    def root(self) -> ET.Element:
        """Return the whole document, its entries emptied, once its end was taken."""
        return self._outside[0]


class _Prolog:
    """Reads up to the first element, before which alone a document type may stand."""

    def __init__(self) -> None:
        self._parser: expat.XMLParserType | None = plain_parser()
        self._parser.StartElementHandler = self._begun
        self._size = 0
        self.is_over = False

    def _begun(self, _name: str, _attributes: object) -> None:
        self.is_over = True

    def feed(self, piece: bytes) -> None:
        for at in range(0, len(piece), 1024):
            if self._parser is None:
                return
            some = piece[at : at + 1024]
            self._size += len(some)
            try:
                self._parser.Parse(some)
            except expat.ExpatError as error:
                if not self.is_over:  # else it is for who reads on to say
                    raise NotWhole("no XML") from error
            if self.is_over:
                self._parser = None
            elif self._size > TAG_MAX:
                raise Unwanted("no element at its beginning")


def demand_beginning(body: bytes) -> None:
    """Demand what every reader here demands before the first element, of one who reads on alone.

    Raises:
        NotWhole, Unwanted: there is none, or a document type is before it.
    """
    prolog = _Prolog()
    prolog.feed(body[:TAG_MAX])
    if not prolog.is_over:
        raise NotWhole("no element")


def plain_parser() -> expat.XMLParserType:
    """Return a parser of UTF-8 that refuses every document type."""
    parser = expat.ParserCreate("UTF-8")
    at_once = getattr(parser, "SetReparseDeferralEnabled", None)  # since expat 2.6
    if at_once is not None:
        at_once(False)  # it would say late what it has, and a tag's length is bounded here
    parser.XmlDeclHandler = _declared
    parser.StartDoctypeDeclHandler = _doctype
    return parser


def _declared(_version: str, encoding: str | None, _standalone: int) -> None:
    if (encoding.lower() if encoding else None) not in _ENCODINGS:
        raise Unwanted("another encoding than UTF-8")


def _doctype(*_: object) -> None:
    raise Unwanted("a document type")


def demand(body: bytes, *, elements: int) -> None:
    """Demand XML that another parser may make a tree of.

    Raises:
        NotWhole, Unwanted: it is none, or it would take more than its text is worth.
    """
    left = elements

    def begun(_name: str, attributes: dict[str, str]) -> None:
        nonlocal left
        left -= 1 + len(attributes)
        if left < 0:
            raise Unwanted("too many elements")

    parser = plain_parser()
    parser.StartElementHandler = begun
    try:
        for at in range(0, len(body), PIECE):
            piece = body[at : at + PIECE]
            parser.Parse(piece)
            if at + len(piece) - parser.CurrentByteIndex > TAG_MAX:
                raise Unwanted("a tag that does not end")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise NotWhole("no XML") from error


def tree(body: bytes) -> ET.Element:
    """Return a short document as a tree.

    Raises:
        NotWhole, Unwanted: it is none, or too long to be one.
    """
    reader = EntryParser(
        "", within="", most=SMALL_MAX, entry_most=SMALL_MAX, elements=SMALL_ELEMENTS
    )
    for _ in (*reader.feed(body), *reader.end()):
        pass
    return reader.root()


def large_tree(body: bytes) -> ET.Element:
    """Return the tree of a document that `demand` has taken, without elements if it is empty."""
    return ET.fromstring(body) if body else ET.Element("")  # noqa: S314 - judged before


def text_in(body: bytes, path: str) -> str:
    """Return the text of an element of a short document, empty when there is no such thing."""
    try:
        return (tree(body).findtext(path) or "").strip()
    except (NotWhole, Unwanted):
        return ""
