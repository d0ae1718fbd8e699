"""The lines of a bundle: one canonical JSON object per line, checked field by field.

What a field may hold is said in forms.py, which stands alone. The same functions write a line and
read it back: a line is good when rebuilding it from what it says gives the same bytes. No
message here holds an object's name.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar, cast

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.lines.names import readable
from hdh_migrate.evidence.verifier.counts import grounds
from hdh_migrate.evidence.verifier.forms import (
    EXCLUSION,
    EXCLUSION_1,
    FINDING,
    FINDING_1,
    LONGEST_LINE,
    RECORD,
    Field,
    misfit,
    plain_line,
)
from hdh_migrate.evidence.verifier.members import (
    ExclusionRecord,
    FindingRecord,
    Line,
    ManifestRecord,
)
from hdh_migrate.fixity import LineForm, canonical_json
from hdh_migrate.model import Verdict, key_bytes, key_text

R = TypeVar("R", bound=Mapping[str, object])

MAX_LINE = LONGEST_LINE
"""Bytes of the longest line that a reader accepts; ours stay under 20 KiB."""


def manifest_line(record: ManifestRecord) -> bytes:
    """Return the manifest's line for one object, its line feed included.

    `record` has exactly the contract's fields; what is not known is None. Keys are `str` decoded
    with surrogateescape. A key that is not clean UTF-8 is written readably, and its bytes follow
    as `key_b64` (likewise `target_key_b64`): then these are the truth. A verdict of None is an
    object not compared yet.

    Raises:
        EvidenceDamaged: a field is unknown, missing or malformed, or the verdict claims more
            than the record carries.
    """
    line = _MANIFEST.written(record)
    if record["verdict"] == Verdict.MATCH:
        _check_claim(record)
    return line


def finding_line(finding: FindingRecord) -> bytes:
    """Return the line of one finding.

    `number` is the ledger's, `severity` blocker, finding or note; dataset, key, step and at may
    be None.

    Raises:
        EvidenceDamaged: a field is unknown, missing or malformed.
    """
    return _FINDINGS.written(finding)


def exclusion_line(exclusion: ExclusionRecord) -> bytes:
    """Return the line of one object that the plan leaves behind, with its rule and reason.

    Raises:
        EvidenceDamaged: a field is unknown, missing or malformed.
    """
    return _EXCLUSIONS.written(exclusion)


def finding_line_1(finding: FindingRecord) -> bytes:
    """Return the line of a finding as bundles of the first format have it; nothing writes it."""
    return _FINDINGS_1.written(finding)


def exclusion_line_1(exclusion: ExclusionRecord) -> bytes:
    """Return the line of an exclusion as bundles of the first format have it."""
    return _EXCLUSIONS_1.written(exclusion)


def journal_line(seq: int, at: str, kind: str, body: str, digest: bytes) -> bytes:
    """Return the line of one event of the ledger's journal, its body as the text that is chained.

    digest = SHA-256(previous digest || canonical JSON of [seq, at, kind, body]); before the first
    event it is 32 zero bytes.
    """
    event = {"at": at, "body": body, "digest": digest.hex(), "kind": kind, "seq": seq}
    return canonical_json(event) + b"\n"


def read_line(line: bytes, build: Callable[[R], bytes]) -> R:
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
    found: R = cast("R", record)  # `build` refuses another member, and another type of one
    if build(found) != line:
        raise EvidenceDamaged("the line is not in canonical form")
    return found


def order_of(record: Line) -> tuple[bytes, bytes]:
    """Return what manifest and exclusions are sorted by: the bytes of dataset and key."""
    return record["dataset"].encode(), key_bytes(record["key"])


class _Lines:
    """How lines of one kind are written."""

    def __init__(self, fields: Mapping[str, Field], keys: tuple[str, ...] = ("key",)) -> None:
        self._fields, self._names, self._keys = fields, fields.keys(), keys
        self._form, self._plain = LineForm(fields), plain_line(fields)

    def written(self, record: Mapping[str, object]) -> bytes:
        """Return the line of a record.

        Raises:
            EvidenceDamaged: a field is unknown, missing or malformed.
        """
        if record.keys() != self._names:
            unknown = sorted(map(str, record.keys() - self._names))
            missing = sorted(self._names - record.keys())
            raise EvidenceDamaged(f"unknown fields {unknown}, missing fields {missing}")
        text = self._form.text(record) + "\n"
        if self._plain.fullmatch(text):
            with suppress(UnicodeEncodeError):  # a byte of a key that is no text
                return text.encode()
        record = self._with_bytes(record)
        if (name := misfit(record, self._fields)) is not None:
            raise EvidenceDamaged(f"field {name} is malformed")
        return canonical_json(record) + b"\n"

    def _with_bytes(self, record: Mapping[str, object]) -> Mapping[str, object]:
        """Return a record with the bytes of each key that is not clean UTF-8."""
        written = dict(record)
        for name in self._keys:
            if isinstance(key := record[name], str):
                try:
                    written[name], raw = readable(key)
                except UnicodeEncodeError:
                    raise EvidenceDamaged(f"field {name} stands for no byte string") from None
                if raw is not None:
                    written[f"{name}_b64"] = raw
        return written


_MANIFEST = _Lines(RECORD, ("key", "target_key"))
_FINDINGS, _FINDINGS_1 = _Lines(FINDING), _Lines(FINDING_1)
_EXCLUSIONS, _EXCLUSIONS_1 = _Lines(EXCLUSION), _Lines(EXCLUSION_1)


def _check_claim(record: Mapping[str, object]) -> None:
    """Refuse a match without its grounds: a level, a time, and the digests that it read."""
    level = record["level"]
    rests = grounds(level if isinstance(level, str) else None)
    lacking = [name for name in rests if record[name] is None]
    if lacking:
        raise EvidenceDamaged(f'verdict "match" without its grounds: {", ".join(lacking)}')
