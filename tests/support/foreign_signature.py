"""Approvals with a signature that `approve` itself would not give: by whoever does not approve."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from hdh_migrate.evidence.signatures.approval_forms import APPROVAL_TYPE
from hdh_migrate.evidence.signatures.signing import load_signer


def signed_by(key: Path, approval: Path, out: Path) -> Path:
    """Write the content of an approval under another key's signature, and return where."""
    payload = base64.b64decode(json.loads(approval.read_bytes())["payload"])
    out.write_text(json.dumps(load_signer(key, None).sign(APPROVAL_TYPE, payload)))
    return out
