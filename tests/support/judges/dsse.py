"""securesystemslib: does an envelope hold?  usage: dsse.py ENVELOPE THRESHOLD PEM KEYID ..."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

path, threshold, *given = sys.argv[1:]
keys = [
    SSlibKey.from_crypto(load_pem_public_key(Path(pem).read_bytes()), keyid=key_id)
    for pem, key_id in zip(given[::2], given[1::2], strict=True)
]
try:
    accepted = Envelope.from_dict(json.loads(Path(path).read_bytes())).verify(keys, int(threshold))
    print(json.dumps({"accepted": sorted(accepted)}))
except (VerificationError, ValueError, KeyError) as error:
    print(json.dumps({"accepted": [], "why": str(error)}))
