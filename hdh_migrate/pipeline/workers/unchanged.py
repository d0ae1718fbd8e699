"""May a credential write? Asked with requests that change nothing, whatever the answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hdh_migrate.errors import AccessDenied, AuthFailed, HostRefused, Permanent, TargetFull
from hdh_migrate.fixity import EMPTY_SHA256
from hdh_migrate.model import Place, Upload
from hdh_migrate.ports.stores import TargetWriter

_NOBODYS = "0" * 32
"""An upload that no host has begun."""


def try_to_write(writer: TargetWriter, place: Place) -> None:
    """Abort an upload that does not exist, and send it a part: both rights of who writes.

    Raises:
        AccessDenied, AuthFailed: the credential may not, or is refused.
        HostRefused, TargetFull, Transient: nobody answered, or not that.
    """
    upload = _upload(place)
    part = partial(writer.put_part, upload, 1, memoryview(b""), sha256=EMPTY_SHA256)
    for act in (partial(writer.abort, upload), part):
        _denied_or_unknown(act)


def try_to_list(writer: TargetWriter, place: Place) -> None:
    """List open uploads, and the parts of one that does not exist, as who goes on with some does.

    Raises:
        AccessDenied, AuthFailed, HostRefused, TargetFull, Transient: as `try_to_write`.
    """
    _denied_or_unknown(lambda: next(iter(writer.open_uploads(place)), None))
    _denied_or_unknown(partial(writer.parts, _upload(place)))


def _upload(place: Place) -> Upload:
    key = f"{place.prefix}.hdh-migrate-preflight"
    return Upload(bucket=place.bucket, key=key, upload_id=_NOBODYS)


def _denied_or_unknown(act: Callable[[], object]) -> None:
    try:
        act()
    except (AccessDenied, AuthFailed, HostRefused, TargetFull):
        raise
    except Permanent:
        pass  # it does not know the upload, in its own words
