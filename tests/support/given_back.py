"""What target, sidecar and evidence give back of each object, by other people's packages."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crypt4gh.keys import get_private_key
from crypt4gh.lib import decrypt

from tests.support.errand import BUCKET, Errand
from tests.support.fixtures import s3_client
from tests.support.strict_s3 import StrictS3

SIDECARS = "in/.hdh-migrate-sidecar/all/"
KEPT = "hdh-src-"


@dataclass(slots=True)
class Back:
    """One object as it can be had without the source; a folder's marker has no line."""

    line: dict[str, Any] | None
    fields: dict[str, str] = field(default_factory=dict)
    """All that is kept beside it or in the sidecar, but for what has names of its own."""
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    other: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    directory: bool = False

    def take(self, features: dict[str, dict[str, str]]) -> None:
        """Take what a line of the sidecar says."""
        own = {"metadata": self.metadata, "tags": self.tags, "other": self.other}
        for name, fields in features.items():
            own.get(name, self.fields).update(fields)


def given_back(job: Errand, target: StrictS3, bundle: Path) -> dict[str, Back]:
    """Return every object of the manifest, and every folder's marker, by the manifest's key."""
    for name in ("crypt4gh", "crypt4gh.header"):
        logging.getLogger(name).disabled = True  # the reference package logs keys
    escrow = get_private_key(str(job.folder / "keys" / "escrow.sec"), lambda: "")

    def opened(body: bytes) -> bytes:
        out = io.BytesIO()
        decrypt([(0, escrow, None)], io.BytesIO(body), out)
        return out.getvalue()

    found, sidecar, client = dict[str, Back](), list[dict[str, Any]](), s3_client(target)
    for text in (bundle / "manifest.jsonl").read_text().splitlines():
        line = json.loads(text)
        if line["verdict"] != "match":  # not moved: a finding says so
            continue
        _, _, version = (line["target_etag"] or "").partition(";versionid=")
        which = {"Bucket": BUCKET, "Key": line["target_key"]}
        which |= {"VersionId": version} if version else {}
        stored = client.get_object(**which)
        body = opened(stored["Body"].read())
        if line["target_key"].startswith(SIDECARS):
            sidecar += map(json.loads, body.splitlines()[1:])
            continue
        one = found[line["key"]] = Back(line, body=body)
        for name, value in stored["Metadata"].items():
            if name.startswith(KEPT):
                one.fields[name.removeprefix(KEPT)] = value
            elif name != "hdh-attempt":
                one.metadata[name] = value
        tags = client.get_object_tagging(**which)["TagSet"]
        one.tags.update({tag["Key"]: tag["Value"] for tag in tags})
    client.close()
    for line in sidecar:
        marker = bool(line.get("directory"))
        one = found.setdefault(line["key"], Back(None, directory=marker))
        assert one.line is not None or marker, "a line of the sidecar about nothing"
        one.take(line["features"])
    return found
