"""What a statement of evidence consists of: its members, and what each of them may hold.

Used by verify.py (which see). It needs Python 3.9 and nothing else. docs/evidence-format.md,
section 7, gives the rules in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from hdh_migrate.evidence.verifier.forms import (
    DIGEST,
    DIGEST_OR_NULL,
    LEVEL,
    NAMED,
    NAMED_OR_NULL,
    SIZE_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    TIME,
    TIME_OR_NULL,
    Field,
    is_count,
    is_number,
    matching,
)
from hdh_migrate.evidence.verifier.members import EvidenceStatement, Predicate

if TYPE_CHECKING:
    from typing import TypeGuard


def _of(kind: type) -> Callable[[object], bool]:
    return lambda value: type(value) is kind


def _or_null(kind: type) -> Callable[[object], bool]:
    return lambda value: value is None or type(value) is kind


SIDE = matching("source|target")
SUM = {"objects": is_count, "bytes": is_count}
PLACE = {"bucket": NAMED, "prefix": _of(str)}
COUNTED = _of(dict)  # compared with what the lines give
OPENING = {
    "at": TIME, "who": TEXT, "dataset": TEXT, "object": SIZE_OR_NULL, "reason": TEXT_OR_NULL,
}  # fmt: skip
HANDSHAKE = matching(r"TLSv1\.[23] [0-9A-Z_-]{1,64} sha256:[0-9a-f]{64}")
LOOK = {
    "batch": TEXT, "number": is_count, "level": LEVEL, "at": TIME, "objects": is_count,
    **dict.fromkeys(("gone", "damaged", "replaced", "unread", "lost", "beside"), is_count),
    "absent": dict.fromkeys(("objects", "back", "missing"), is_count), "ended": _of(bool),
}  # fmt: skip
ROTATION = {
    **dict.fromkeys(("number", "objects", "left", "lost", "removed"), is_count),
    "old": NAMED_OR_NULL, "new": NAMED_OR_NULL, "began": TIME, "ended": TIME_OR_NULL,
    "remaining": {str: is_count}, "headers": is_count,
}  # fmt: skip
DRILL = {**dict.fromkeys(("objects", "opened", "whole", "bytes"), is_count), "at": TIME}
COPIED = {
    "batch": NAMED, "packs": is_count, "bytes": is_count, "root": DIGEST, "at": TIME,
}  # fmt: skip
ERASURE = {
    **dict.fromkeys(("objects", "bytes", "packs", "versions", "copies", "headers"), is_count),
    "dataset": NAMED, "batch": NAMED, "began": TIME, "ended": TIME_OR_NULL,
    "root": DIGEST, "although": [NAMED], "approvals": [NAMED], "remaining": {str: is_count},
}  # fmt: skip
LATER = {
    "absent", "beside", "erasures", "fences", "files", "headers", "looks", "lost", "openings",
    "own", "own_verified", "proved", "rotations", "signing_keys", "stored", "tls",
}  # fmt: skip
"""Members of the predicate, at any depth, that earlier statements do not have."""

PREDICATE: dict[str, object] = {
    "migration": NAMED,
    "rehearsal": _of(bool),
    "names": matching("plain|keyed"),
    "plan": {"digest": {"sha256": DIGEST}, "canonical": _of(dict)},
    "tool": {"name": matching("hdh-migrate"), "version": NAMED, "code": {"sha256": DIGEST}},
    "operator": NAMED_OR_NULL,
    "times": {
        "started": TIME_OR_NULL, "ended": TIME_OR_NULL, "written": TIME,
        "clock_offsets": {str: is_number},
    },
    "endpoints": [{
        "side": SIDE, "kind": NAMED, "url": NAMED, "region": NAMED_OR_NULL,
        "local": _of(bool), "bytes_read": is_count, "bytes_written": is_count,
        "requests": is_count, "addresses": [NAMED], "tls": [HANDSHAKE],
    }],
    "attestation": _or_null(dict), "profile": _or_null(dict), "capabilities": _or_null(dict),
    "waivers": [_of(dict)], "cutovers": [_of(dict)],
    "looks": [LOOK], "openings": [OPENING], "rotations": [ROTATION], "erasures": [ERASURE],
    "fences": {"ours": is_count, "unknown": is_count},
    "signing_keys": [{"file": NAMED, "fingerprint": DIGEST}],
    "seal": {
        "format": NAMED, "recipients": [NAMED],
        "proved": [{"recipient": NAMED, "at": TIME, "stored": DRILL}],
        "files": [{"file": NAMED, "recipient": NAMED}],
        "headers": {"packs": is_count, "bytes": is_count, "root": DIGEST, "copies": [COPIED]},
    },
    "verification": {
        "level": matching("full|stored|head"),
        "sha256_taken_in_transfer": is_count, "sha256_taken_in_verify": is_count,
    },
    "losses": [
        {
            "dataset": NAMED, "what": NAMED, "objects": is_count,
            "kept": matching("manifest|ledger|sidecar"),
        }
    ],
    "paces": [{
        "step": matching("transfer|verify"), "started": TIME, "ended": TIME,
        "seconds": lambda value: is_number(value) and value > 0, "bins": [SUM],
    }],
    "previous_statement": DIGEST_OR_NULL,
    "datasets": [{
        "name": NAMED, "batch": NAMED, "closed": _of(bool), "source": PLACE, "target": PLACE,
        "own": SUM, "own_verified": SUM,
        "tally": {
            "inventoried": SUM, "verified": SUM, "failed": SUM, "pending": SUM, "excluded": SUM,
            "closes": _of(bool),
        },
    }],
    "journal": COUNTED, "manifest": COUNTED, "outcome": COUNTED, "findings": COUNTED,
    "batches": _of(list), "exclusions": _of(list),
}  # fmt: skip
"""What docs/schemas/evidence-v2.json says, so far as the lines do not decide it."""
STATEMENT = {
    "_type": matching(re.escape("https://in-toto.io/Statement/v1")),
    "subject": [{"name": NAMED, "digest": {"sha256": DIGEST}}],
    "predicateType": matching("urn:hdh-migrate:evidence:v[12]"),
    "predicate": PREDICATE,
}


def is_statement(value: object) -> TypeGuard[EvidenceStatement]:
    """Say whether it is of the shape of a statement."""
    return ill_formed(value, STATEMENT, "") is None


def is_predicate(value: object) -> TypeGuard[Predicate]:
    """Say whether it is of the shape of what a statement says."""
    return ill_formed(value, PREDICATE, "") is None


def ill_formed(value: object, shape: object, where: str) -> str | None:
    """Return where a value is not of this shape, None if all of it is.

    A shape is a test, a list of one shape, or an object of exactly these members (with `str` as
    the only name: of any members). What is returned has no names but those of the format.
    """
    bad = _unlike(value, shape)
    return None if bad is None else where + bad


def _unlike(value: object, shape: Any) -> str | None:  # noqa: ANN401 - as above
    """Return where it is so below a value: the path is written only where something is wrong."""
    if isinstance(shape, dict) and isinstance(value, dict) and str not in shape:
        if value.keys() | (shape.keys() & LATER) != shape.keys():
            return ""
        for name, each in value.items():
            if (bad := _unlike(each, shape[name])) is not None:
                return f".{name}{bad}"
        return None
    every: Iterable[object]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return ""
        every, inner = value, shape[0]
    elif isinstance(shape, dict) and isinstance(value, dict):
        every, inner = value.values(), shape[str]
    else:
        test = shape.holds if isinstance(shape, Field) else shape
        return None if callable(test) and test(value) else ""
    return next((bad for each in every if (bad := _unlike(each, inner)) is not None), None)
