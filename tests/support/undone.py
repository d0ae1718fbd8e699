"""What undoes the rules of our code: only tests ask for it here."""

from __future__ import annotations

import re

from hdh_migrate.model import SEGMENT, ObjectInfo, PartPlan
from hdh_migrate.sources.azure_listing import PageReader

_ESCAPE = re.compile(r"\\u\{([0-9a-f]{1,6})\}|\\x\{([89a-f][0-9a-f])\}")
_UNDECODED = 0xDC00  # how surrogateescape holds bytes 80 to FF


def restored(cell: str) -> str:
    """Return the text of which `cells.safe` made this cell."""
    return _ESCAPE.sub(_meant, cell.removeprefix("'"))


def _meant(escape: re.Match[str]) -> str:
    point, byte = escape.groups()
    return chr(int(point, 16)) if point else chr(_UNDECODED + int(byte, 16))


def part_stored_size(plan: PartPlan, number: int, size: int, *, header: int, overhead: int) -> int:
    """Return the stored bytes of one part."""
    span = plan.span(number, size)
    body = span.length + -(-span.length // SEGMENT) * overhead
    return body + (header if number == 1 else 0)


def parse_page(body: bytes, most: int = 5_000) -> tuple[list[ObjectInfo], str | None]:
    """Return the objects of one whole page and the marker of the next; see `PageReader`."""
    reader = PageReader(most)
    reader.write(body)
    return reader.page()
