"""What fields of HTTP replies say of an object, in the forms in which we keep it."""

from __future__ import annotations

import binascii
import re
from datetime import UTC
from functools import lru_cache

from hdh_migrate.clocks import MONTHS, text_of

# Days that every month has: the others are left to a slower reader that knows them.
_HTTP_DATE = re.compile(
    r"\w{3}, (?:0[1-9]|1\d|2[0-8]) \w{3} \d{4} (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d GMT\Z", re.ASCII
)


@lru_cache(maxsize=4_096)  # what was written together has the same
def rfc3339(http_date: str | None) -> str | None:
    """Return an HTTP date as RFC 3339, None when there is none."""
    if not http_date:
        return None
    if _HTTP_DATE.match(http_date) and http_date[8:11] in MONTHS:  # the one that Azure sends
        month = MONTHS[http_date[8:11]]
        return f"{http_date[12:16]}-{month:02d}-{http_date[5:7]}T{http_date[17:25]}Z"
    from email.utils import parsedate_to_datetime  # dear, and hardly ever needed

    try:
        moment = parsedate_to_datetime(http_date).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return text_of(moment)


def md5_hex(content_md5: str | None) -> str | None:
    """Return a Content-MD5 as hexadecimal, None when it is absent or not an MD5."""
    if not content_md5:
        return None
    try:
        raw = binascii.a2b_base64(content_md5, strict_mode=True)
    except ValueError:  # of which binascii.Error is one; text beyond ASCII is another
        return None
    return raw.hex() if len(raw) == 16 else None
