"""rfc3161-client: does a time-stamp hold?  usage: stamp.py ANSWER DATA ROOT.pem"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

answer, data, root = (Path(name).read_bytes() for name in sys.argv[1:])
verifier = VerifierBuilder().add_root_certificate(load_pem_x509_certificate(root)).build()
try:
    stamp = decode_timestamp_response(answer)
    verifier.verify_message(stamp, data)
    print(json.dumps({"accepted": True, "at": stamp.tst_info.gen_time.isoformat()}))
except (VerificationError, ValueError) as error:
    print(json.dumps({"accepted": False, "why": str(error)}))
