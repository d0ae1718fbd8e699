"""The BagIt Profiles' own validator: does a bag keep to a profile?  usage: FOLDER PROFILE"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")

import bagit  # noqa: E402
import bagit_profile  # noqa: E402

said = json.loads(Path(sys.argv[2]).read_text())
profile = bagit_profile.Profile(said["BagIt-Profile-Info"]["BagIt-Profile-Identifier"], said)
wrapped = profile.validate_serialization(sys.argv[1])
valid = profile.validate(bagit.Bag(sys.argv[1]))
print(json.dumps({"valid": bool(wrapped and valid), "why": str(profile.report)}))
