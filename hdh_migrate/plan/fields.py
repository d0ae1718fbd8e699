"""The kinds of text that a plan holds, each with its rule and one sentence that says it.

A refusal states the rule and never repeats the value: what stands in a plan by mistake may be
a secret.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from hdh_migrate.plan import globs

REFUSAL = "plan_field"
"""The pydantic error type of every rule below; its message is ready for people."""

NAME = r"[a-z0-9-]{1,40}"
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_CONTAINER = r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*|\$root|\$web"
_REF = r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:[^~\s].*"
_SUFFIX = r"(\.[A-Za-z0-9_-]{1,16}){0,3}"
_OBJECT_SIZE = r"[0-9]{1,12}(\.[0-9]{1,3})?(KiB|MiB|GiB|TiB|KB|MB|GB|TB|B)"
_SIZE = r"[0-9]{1,9}(\.[0-9]{1,3})?(KiB|MiB|GiB|KB|MB|GB)"
RATE = _SIZE + "/s"
RATES = (1 << 10, 10**12)
"""The least and the most bytes a second that a rate may be."""

_DURATION = r"[0-9]{1,6}[smh]"
_PERIOD = r"[0-9]{1,6}[smhd]"
RECHECK_WITHIN = "7d"
"""How old a look may be before a source object is deleted, of a plan that does not say it."""
_BASE_URL = r"https?://[^\s?#@\\]+"

_SFTP_URL = r"sftp://[^\s?#@\\/]+"
_CLUSTER_URL = r"tls://[^\s?#@\\/]+"

_BYTES = {
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "B": 1,  # the last, for every other one ends in it
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MAX_PREFIX = 1024
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")

_NAME_RULE = "names are 1 to 40 lower-case letters, digits or hyphens"
_BUCKET_RULE = (
    "bucket names are 3 to 63 lower-case letters, digits, hyphens or dots, begin and end with"
    " a letter or digit, and are no IP address"
)
_CONTAINER_RULE = (
    "container names are 3 to 63 lower-case letters, digits or single hyphens, and begin and end"
    " with a letter or digit"
)
_REF_RULE = (
    "must be a reference, env:NAME or file:PATH (`~` is not expanded); the secret itself never"
    " stands in a plan"
)
_SUFFIX_RULE = 'a suffix is empty ("") or a dot and up to 16 letters or digits, such as .c4gh'
_MEMORY_RULE = "must be a size from 16MiB to 64GiB, such as 128MiB"
_OBJECT_SIZE_RULE = "must be a size from 0B to 1000TiB, such as 1B, 16KiB or 5TiB"
_SHA256 = r"[0-9a-f]{64}"
_SHA256_RULE = "must be a SHA-256 in lower-case hexadecimal, as `sha256sum` prints it"
_TIER = r"[a-z0-9-]{1,20}"
_TIER_RULE = "must be the name of an access tier in lower case, such as hot, cool, cold or archive"
_TAG_RULE = "must be at most 256 characters, as names and values of index tags have"
_MONEY = r"[0-9]{1,6}(\.[0-9]{1,6})? (EUR|USD|CHF|GBP)"
_MONEY_RULE = "must be an amount with its currency, such as 0.02 EUR"
BANDWIDTH_RULE = "must be a rate from 1KiB/s to 1000GB/s, such as 800MiB/s"
_PIN = r"sha256//[A-Za-z0-9+/]{43}="
_PIN_RULE = (
    "must be sha256// and the base64 of a SHA-256, as `openssl dgst -sha256` of the key gives"
)
_GUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_GUID_RULE = "must be an identifier such as 01234567-89ab-cdef-0123-456789abcdef"
_DAY = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_INSTANT = _DAY + r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
_INSTANT_RULE = "must be an instant in UTC, in whole seconds, such as 2026-01-31T18:00:00Z"
_DAY_RULE = "must be a day such as 2026-12-31"
_DURATION_RULE = "must be a duration from 1s to 24h, such as 90s, 10m or 2h"
PERIODS = (1, 3650 * 86_400)
"""The least and the most seconds that a period may be."""
PERIOD_RULE = "must be a period from 1s to 3650d, such as 90m, 72h or 30d"
_URL_RULE = "must be a URL such as https://host.example, with nothing after `?` or `#` and no user"


def refusal(message: str) -> PydanticCustomError:
    """Return the error that refuses a value with a sentence for people."""
    return PydanticCustomError(REFUSAL, "{message}", {"message": message})


def bytes_of(size: str) -> int:
    """Return the bytes that a checked size such as `256MiB` stands for."""
    unit = next(unit for unit in _BYTES if size.endswith(unit))
    return int(Decimal(size.removesuffix(unit)) * _BYTES[unit])


def bytes_per_second(rate: str) -> int:
    """Return the bytes per second that a checked rate such as `800MiB/s` stands for."""
    return bytes_of(rate.removesuffix("/s"))


def is_rate(text: str) -> bool:
    """Return whether a text is a rate such as `800MiB/s`."""
    low, high = RATES
    return re.fullmatch(RATE, text, re.ASCII) is not None and low <= bytes_per_second(text) <= high


def is_period(text: str) -> bool:
    """Return whether a text is a period such as `90m` or `3d`."""
    low, high = PERIODS
    return re.fullmatch(_PERIOD, text, re.ASCII) is not None and low <= period_seconds(text) <= high


def period_seconds(duration: str) -> int:
    """Return the seconds that a checked duration such as `10m` stands for."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def is_loopback(url: str) -> bool:
    """Return whether a URL's host is this machine; False for what is no URL."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_host_name(host: str, netloc: str) -> bool:
    """Return whether this is a name; `127.1` and `0x7f.1` are addresses to a resolver."""
    numeric = host.rsplit(".", 1)[-1][:1].isdigit()
    return bool(_HOST.fullmatch(host)) and not numeric and "[" not in netloc


def matching(pattern: str, rule: str) -> AfterValidator:
    """Return what demands that a text matches a pattern as a whole; `rule` says so to people."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise refusal(rule)
        return value

    return AfterValidator(check)


def _within(
    pattern: str, rule: str, number: Callable[[str], int], low: int, high: int
) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value) or not low <= number(value) <= high:
            raise refusal(rule)
        return value

    return AfterValidator(check)


def _no_address(value: str) -> str:
    if ".." in value or _address(value) is not None:
        raise refusal(_BUCKET_RULE)
    return value


def _bounded_prefix(value: str) -> str:
    if len(value.encode()) > _MAX_PREFIX:
        raise refusal("a prefix has at most 1,024 bytes, as a whole key has")
    return value


def _key_pattern(value: str) -> str:
    if (why := globs.objection(value)) is not None:
        raise refusal(why)
    return value


def _path(value: str) -> str:
    if value.startswith(("file:", "env:")):
        raise refusal("must be a plain path: leave out `file:` (a public file is no secret)")
    if not value.strip() or value.startswith("~"):
        raise refusal("must be a path, relative to the plan or absolute (`~` is not expanded)")
    return value


def is_day(value: str) -> bool:
    """Return whether a text is a day of the calendar, such as 2026-12-31."""
    try:
        return re.fullmatch(_DAY, value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _day(value: str) -> str:
    if not is_day(value):
        raise refusal(_DAY_RULE)
    return value


def _instant(value: str) -> str:
    if not re.fullmatch(_INSTANT, value) or not is_day(value.partition("T")[0]):
        raise refusal(_INSTANT_RULE)
    return value


def _reason(value: str) -> str:
    if not value.strip() or len(value) > 500:
        raise refusal("must be a reason that an auditor can read, up to 500 characters")
    return value


def _label(value: str) -> str:
    if not value.strip() or len(value) > 120 or "\n" in value:
        raise refusal("must be one line of up to 120 characters")
    return value


def authority_url(value: str) -> str:
    """Return the address of a time-stamping authority as it is; plain http will do for it.

    Many authorities have no other, and it harms nothing: the request is a digest, the answer is
    signed.

    Raises:
        PydanticCustomError: it is no such address, in a sentence for people.
    """
    return _address_of(value)


def _base_url(value: str) -> str:
    """Refuse everything but scheme, host, port and path; http is for loopback only."""
    if urlsplit(_address_of(value)).scheme == "http" and not is_loopback(value):
        raise refusal("must be https: plain http is for this machine only (127.0.0.1, localhost)")
    return value


def _address_of(value: str) -> str:
    if not value.isascii() or not re.fullmatch(_BASE_URL, value):
        raise refusal(_URL_RULE)
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refusal(_URL_RULE) from None
    if port == 0 or not (_address(host) or _is_host_name(host, parts.netloc)):
        raise refusal(_URL_RULE)
    return value


def _account_url(value: str) -> str:
    if urlsplit(_base_url(value)).path.strip("/") and not is_loopback(value):
        raise refusal(
            "must be the account's address alone, without a container, such as"
            " https://myaccount.blob.core.windows.net"
        )
    labels = (urlsplit(value).hostname or "").split(".")
    if "dfs" in labels[1:2]:
        raise refusal("is the Data Lake endpoint; give the same account's .blob. endpoint")
    if labels[0].endswith("-secondary"):
        raise refusal(
            "is a read-only secondary, which lags behind: what was written last would be missing"
            " without a trace; give the account's own address"
        )
    return value


def _sftp_url(value: str) -> str:
    rule = "must be the server's address alone, such as sftp://host.example or sftp://host:2222"
    if _server(value, _SFTP_URL, rule) == 0:
        raise refusal(rule)
    return value


def _cluster_url(value: str) -> str:
    rule = "must be the scheduler's address with its port, such as tls://10.0.0.5:8786"
    if not _server(value, _CLUSTER_URL, rule):
        raise refusal(rule)
    return value


def _server(value: str, pattern: str, rule: str) -> int | None:
    """Return the port of a server's address, None where it has none; refuse another by `rule`."""
    if not value.isascii() or not re.fullmatch(pattern, value):
        raise refusal(rule)
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refusal(rule) from None
    if not (_address(host) or _is_host_name(host, parts.netloc)):
        raise refusal(rule)
    return port


def _endpoint(value: str) -> str:
    if urlsplit(_base_url(value)).path.strip("/"):
        raise refusal("must be the S3 address alone, without a bucket or path")
    return value


def schema_of_text(title: str, pattern: str) -> Any:  # noqa: ANN401 - pydantic's FieldInfo is typed so
    """Return what the JSON Schema says of a kind of text; the title is its name for people."""
    return Field(json_schema_extra={"title": title, "pattern": f"^(?:{pattern})$"})


Name = Annotated[str, matching(NAME, _NAME_RULE), schema_of_text("name", NAME)]
Region = Annotated[
    str,
    matching(NAME, "a region is 1 to 40 lower-case letters, digits or hyphens, such as fr-par"),
    schema_of_text("region", NAME),
]
Bucket = Annotated[
    str,
    matching(_BUCKET, _BUCKET_RULE),
    AfterValidator(_no_address),
    schema_of_text("bucket name", _BUCKET),
]
Container = Annotated[
    str, matching(_CONTAINER, _CONTAINER_RULE), schema_of_text("container name", _CONTAINER)
]
Prefix = Annotated[str, AfterValidator(_bounded_prefix), schema_of_text("key prefix", ".*")]
Glob = Annotated[str, AfterValidator(_key_pattern), schema_of_text("glob", globs.SHAPE)]
FilePath = Annotated[str, AfterValidator(_path), schema_of_text("path", "[^~].*")]
Reason = Annotated[str, AfterValidator(_reason), schema_of_text("reason", r"[\s\S]{1,500}")]
Label = Annotated[str, AfterValidator(_label), schema_of_text("label", r"[^\n]{1,120}")]
Country = Annotated[
    str,
    matching("[A-Z]{2}", "must be a country's two capital letters of ISO 3166, such as FR"),
    schema_of_text("country", "[A-Z]{2}"),
]
Day = Annotated[str, AfterValidator(_day), schema_of_text("day", _DAY)]
Instant = Annotated[str, AfterValidator(_instant), schema_of_text("instant", _INSTANT)]
Guid = Annotated[str, matching(_GUID, _GUID_RULE), schema_of_text("identifier", _GUID)]
Ref = Annotated[str, matching(_REF, _REF_RULE), schema_of_text("reference", _REF)]
SpkiPin = Annotated[str, matching(_PIN, _PIN_RULE), schema_of_text("key pin", _PIN)]
Suffix = Annotated[str, matching(_SUFFIX, _SUFFIX_RULE), schema_of_text("suffix", _SUFFIX)]
AccountUrl = Annotated[str, AfterValidator(_account_url), schema_of_text("URL", _BASE_URL)]
SftpUrl = Annotated[str, AfterValidator(_sftp_url), schema_of_text("URL", _SFTP_URL)]
ClusterUrl = Annotated[str, AfterValidator(_cluster_url), schema_of_text("URL", _CLUSTER_URL)]
Endpoint = Annotated[str, AfterValidator(_endpoint), schema_of_text("URL", _BASE_URL)]
AuthorityUrl = Annotated[str, AfterValidator(authority_url), schema_of_text("URL", _BASE_URL)]
Memory = Annotated[
    str, _within(_SIZE, _MEMORY_RULE, bytes_of, 16 << 20, 64 << 30), schema_of_text("size", _SIZE)
]
Bandwidth = Annotated[
    str,
    _within(RATE, BANDWIDTH_RULE, bytes_per_second, *RATES),
    schema_of_text("rate", RATE),
]
Duration = Annotated[
    str,
    _within(_DURATION, _DURATION_RULE, period_seconds, 1, 86_400),
    schema_of_text("duration", _DURATION),
]
Period = Annotated[
    str, _within(_PERIOD, PERIOD_RULE, period_seconds, *PERIODS), schema_of_text("period", _PERIOD)
]


ObjectSize = Annotated[
    str,
    _within(_OBJECT_SIZE, _OBJECT_SIZE_RULE, bytes_of, 0, 1000 << 40),
    schema_of_text("size", _OBJECT_SIZE),
]
Money = Annotated[str, matching(_MONEY, _MONEY_RULE), schema_of_text("amount", _MONEY)]
Sha256 = Annotated[str, matching(_SHA256, _SHA256_RULE), schema_of_text("SHA-256", _SHA256)]
Tier = Annotated[str, matching(_TIER, _TIER_RULE), schema_of_text("access tier", _TIER)]
TagText = Annotated[
    str, matching(r"(?s).{0,256}", _TAG_RULE), schema_of_text("text", r"[\s\S]{0,256}")
]


def unsaid(value: object) -> bool:
    """Leave a field that a plan does not set out of its digest, so that older plans keep theirs."""
    return not value
