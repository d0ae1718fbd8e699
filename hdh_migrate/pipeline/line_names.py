"""How the lines of the tool's own files name their objects: as lines of evidence do."""

from __future__ import annotations

import base64

from hdh_migrate.model import key_bytes, key_text


def named(key: str) -> dict[str, str]:
    """Return how a line names its object: as lines of evidence do."""
    raw = key_bytes(key)
    try:
        return {"key": raw.decode()}
    except UnicodeDecodeError:
        shown = raw.decode("utf-8", "backslashreplace")
        return {"key": shown, "key_b64": base64.b64encode(raw).decode()}


def key_of(line: dict[str, str]) -> str:
    """Return the key that a line names."""
    return key_text(base64.b64decode(line["key_b64"])) if "key_b64" in line else str(line["key"])
