"""The plan that `hdh-migrate init` writes: valid as it stands, and short enough to read."""

from __future__ import annotations

import re

from hdh_migrate.errors import UsageError
from hdh_migrate.plan.fields import NAME

_EXAMPLE_NAME = "my-migration"

TEMPLATE = f"""\
# A migration plan for hdh-migrate. Check it with: hdh-migrate validate PLAN
# Paths are relative to this file. Secrets never stand here: write env:NAME or file:PATH.
version: 1
migration: "{_EXAMPLE_NAME}"      # names the ledger and the evidence, for good

source:                         # only ever read
  kind: azure-blob              # or azure-sftp; or folder, for a rehearsal here
  account_url: https://myaccount.blob.core.windows.net
  credential:                   # or kind: shared-key, managed-identity, client-certificate ...
    kind: sas                   # read and list rights are enough; leave the others out
    value: "env:HDH_SOURCE_SAS"

target:
  provider: scaleway            # "hdh-migrate providers list" names the others
  region: fr-par
  credential:
    kind: access-key
    id: "env:HDH_TARGET_ID"
    secret: "env:HDH_TARGET_SECRET"
  # attestation: attestations/scaleway.yaml   # your dated SecNumCloud and HDS references

seal:                           # objects are encrypted before they leave this machine
  format: crypt4gh
  recipients:                   # each one alone can open the objects; keep the second offline
    - keys/steward.pub          # made by: hdh-migrate keys new
    - keys/escrow.pub
  identity: "file:keys/steward.sec"   # needed to resume, to verify and to read back

datasets:                       # one part of the source, mapped to one part of the target
  - name: first
    source: {{container: my-container, prefix: first/}}
    target: {{bucket: my-bucket, prefix: first/}}
    # exclude:                  # counted and reported, each with its reason
    #   - {{glob: "**/_temporary/**", reason: "Spark scratch", allow_unused: true}}

batches:                        # moved and cut over together; add more at any time
  - {{name: pilot, datasets: [first]}}
  # - {{name: imaging, datasets: [scans], needs: [pilot]}}

# cutovers:                     # how batches are cut over; see hdh-migrate docs cutover

verify: {{level: full}}           # reads every byte back; alone unlocks cutover
engine: {{kind: local, processes: auto, connections: 16}}
limits: {{retry_budget: 10m}}      # bandwidth: 200MiB/s, memory: 128MiB
report: {{signer: "file:keys/report.key", languages: [fr, en]}}
"""


def render(migration: str = _EXAMPLE_NAME) -> str:
    """Return the template with a migration's name in it.

    Raises:
        UsageError: the name is none.
    """
    if not re.fullmatch(NAME, migration):
        raise UsageError("a migration's name is 1 to 40 lower-case letters, digits or hyphens")
    return TEMPLATE.replace(_EXAMPLE_NAME, migration, 1)
