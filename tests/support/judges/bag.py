"""The Library of Congress's bagit: is this folder a valid bag?  usage: bag.py FOLDER"""

from __future__ import annotations

import json
import sys
import warnings

warnings.simplefilter("ignore")

import bagit  # noqa: E402

try:
    bag = bagit.Bag(sys.argv[1])
    bag.validate()
    said = {"valid": True, "info": dict(bag.info), "files": sorted(bag.payload_files())}
except bagit.BagError as error:
    said = {"valid": False, "why": str(error)}
print(json.dumps(said))
