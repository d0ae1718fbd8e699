"""The lines of a bundle: one canonical JSON object per line, checked field by field.

The same functions write a line and read it back: a line is good when rebuilding it from what it
says gives the same bytes. No message here holds an object's name.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.facts import DIGEST, LEVELS, MOMENT
from hdh_migrate.evidence.names import readable
from hdh_migrate.fixity import canonical_json
from hdh_migrate.model import Verdict, key_bytes, key_text

Check = Callable[[Any], bool]
Line = tuple[Mapping[str, Any], bytes]

MAX_LINE = 1 << 20
"""Bytes of the longest line that a reader accepts; ours stay under 20 KiB."""

_MD5 = re.compile(r"[0-9a-f]{32}")
_LARGEST = 1 << 63
# An extra object at the target was never inventoried, so it is a finding and not a record.
_VERDICTS = tuple(verdict.value for verdict in Verdict if verdict is not Verdict.EXTRA)


def manifest_line(record: Mapping[str, Any]) -> bytes:
    """Return the manifest's line for one object, its line feed included (DESIGN section 10).

    `record` has exactly the contract's fields; what is not known is None. Keys are `str` decoded
    with surrogateescape. A key that is not clean UTF-8 is written readably, and its bytes follow
    as `key_b64` (likewise `target_key_b64`): then these are the truth. A verdict of None is an
    object not compared yet.

    Raises:
        EvidenceDamaged: a field is unknown, missing or malformed, or the verdict claims more
            than the record carries.
    """
    _check(record, _MANIFEST)
    if record["verdict"] == Verdict.MATCH:
        _check_claim(record)
    return _line(record, ("key", "target_key"))


def finding_line(finding: Mapping[str, Any]) -> bytes:
    """Return the line of one finding: `code` and `message`; dataset, key, step and at or None.

    Raises:
        EvidenceDamaged: a field is unknown, missing or malformed.
    """
    _check(finding, _FINDING)
    return _line(finding, ("key",) if finding["key"] is not None else ())


def exclusion_line(exclusion: Mapping[str, Any]) -> bytes:
    """Return the line of one object that the plan leaves behind, with its rule and reason.

    Raises:
        EvidenceDamaged: a field is unknown, missing or malformed.
    """
    _check(exclusion, _EXCLUSION)
    return _line(exclusion, ("key",))


def journal_line(seq: int, at: str, kind: str, body: str, digest: bytes) -> bytes:
    """Return the line of one event of the ledger's journal, its body as the text that is chained.

    digest = SHA-256(previous digest || canonical JSON of [seq, at, kind, body]); before the first
    event it is 32 zero bytes.
    """
    event = {"at": at, "body": body, "digest": digest.hex(), "kind": kind, "seq": seq}
    return canonical_json(event) + b"\n"


def read_line(line: bytes, build: Callable[[Mapping[str, Any]], bytes]) -> dict[str, Any]:
    """Return what a line says, keys decoded, if `build` makes exactly this line from it.

    Raises:
        EvidenceDamaged: the line is too long, not JSON, not canonical, or not a valid record.
    """
    if len(line) > MAX_LINE:
        raise EvidenceDamaged("the line is too long")
    try:
        record = json.loads(line)
        if not isinstance(record, dict):
            raise EvidenceDamaged("the line is not a JSON object")
        for name in ("key", "target_key"):
            if f"{name}_b64" in record:
                record[name] = key_text(base64.b64decode(record.pop(f"{name}_b64"), validate=True))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise EvidenceDamaged("the line is not the JSON of a record") from None
    if build(record) != line:
        raise EvidenceDamaged("the line is not in canonical form")
    return record


def order_of(record: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return what manifest and exclusions are sorted by: the bytes of dataset and key."""
    return record["dataset"].encode(), key_bytes(record["key"])


def _line(record: Mapping[str, Any], keys: tuple[str, ...]) -> bytes:
    written = dict(record)
    for name in keys:
        try:
            written[name], raw = readable(record[name])
        except UnicodeEncodeError:
            raise EvidenceDamaged(f"field {name} stands for no byte string") from None
        if raw is not None:
            written[f"{name}_b64"] = raw
    return canonical_json(written) + b"\n"


def _check(record: Mapping[str, Any], fields: Mapping[str, Check]) -> None:
    if record.keys() != fields.keys():
        unknown = sorted(map(str, record.keys() - fields.keys()))
        missing = sorted(fields.keys() - record.keys())
        raise EvidenceDamaged(f"unknown fields {unknown}, missing fields {missing}")
    for name, is_good in fields.items():
        if not is_good(record[name]):
            raise EvidenceDamaged(f"field {name} is malformed")


def _check_claim(record: Mapping[str, Any]) -> None:
    """Refuse a match without its grounds: a level, a time, and the digests that it read."""
    grounds = ["level", "verified_at"]
    if record["level"] in ("full", "stored"):
        grounds += ["stored_size", "stored_sha256"]
    if record["level"] == "full":
        grounds.append("sha256")
    lacking = [name for name in grounds if record[name] is None]
    if lacking:
        raise EvidenceDamaged(f'verdict "match" without its grounds: {", ".join(lacking)}')


def _is_text(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    if not isinstance(value, str) or not value:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_key(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return isinstance(value, str) and value != ""


def _is_size(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return type(value) is int and 0 <= value < _LARGEST


def _matches(pattern: re.Pattern[str]) -> Check:
    fullmatch = pattern.fullmatch
    return lambda value: isinstance(value, str) and fullmatch(value) is not None


def _maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


_MANIFEST: dict[str, Check] = {
    "dataset": _is_text,
    "key": _is_key,
    "size": _is_size,
    "source_version": _is_text,
    "source_modified": _maybe(_matches(MOMENT)),
    "source_md5": _maybe(_matches(_MD5)),
    "sha256": _maybe(_matches(DIGEST)),
    "bucket": _is_text,
    "target_key": _is_key,
    "stored_size": _maybe(_is_size),
    "stored_sha256": _maybe(_matches(DIGEST)),
    "target_etag": _maybe(_is_text),
    "level": _maybe(LEVELS.__contains__),
    "verdict": _maybe(_VERDICTS.__contains__),
    "verified_at": _maybe(_matches(MOMENT)),
}
_FINDING: dict[str, Check] = {
    "at": _maybe(_matches(MOMENT)),
    "code": _is_text,
    "dataset": _maybe(_is_text),
    "key": _maybe(_is_key),
    "message": _is_text,
    "step": _maybe(_is_text),
}
_EXCLUSION: dict[str, Check] = {
    "dataset": _is_text,
    "key": _is_key,
    "reason": _is_text,
    "rule": _is_text,
    "size": _is_size,
}
