"""In which order a source lists its keys: none twice, none out of place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hdh_migrate.errors import ListingBroken
from hdh_migrate.model import (
    SIZE_MAX,
    ObjectInfo,
    Page,
    key_bytes,
)


class KeyOrder:
    """Demands strictly growing keys, in any one of the orders that stores list in.

    Byte order, UTF-16 order (Azure: github.com/blobfile/blobfile/pull/238) and, of either,
    segment order (hierarchical namespaces: github.com/Azure/azure-sdk-for-go/issues/24210) are all
    orders; which one it is shows as the listing goes on.
    """

    _ORDERS: tuple[Callable[[str], bytes], ...] = (
        key_bytes,
        lambda key: key.encode("utf-16-be", "surrogatepass"),
        # A zero byte is where a version's token begins: it comes before every other name.
        lambda key: key_bytes(key).replace(b"\0", b"\0\0").replace(b"/", b"\0"),
        lambda key: (
            key.replace("\0", "\0\0").replace("/", "\0").encode("utf-16-be", "surrogatepass")
        ),
    )

    def __init__(self, last: str | None) -> None:
        self._last = last
        self._possible = list(self._ORDERS)

    def checked(self, page: Page) -> Iterator[ObjectInfo]:
        """Yield the page's objects.

        Raises:
            ListingBroken: a key is repeated or out of order, or a size is none that any store
                holds: whatever a kind of source says, the ledger must be able to add it up.
        """
        for obj in page.objects:
            if not 0 <= obj.size <= SIZE_MAX:
                raise ListingBroken("the source gives an object a size that no store can hold")
            last, self._last = self._last, obj.key
            if last is not None and not _undisputed(last, obj.key):
                self._possible = [order for order in self._possible if order(last) < order(obj.key)]
                if not self._possible:
                    raise ListingBroken("the source lists a key twice or out of order")
            yield obj


def _undisputed(last: str, key: str) -> bool:
    """Return that a pair of keys is in order by every order there is; quick for the usual keys."""
    return (
        last < key
        and last.isascii()
        and key.isascii()
        and last.replace("/", "\0") < key.replace("/", "\0")
    )
