"""Results of the verbs about hosts: providers, probe, provision, cleanup."""

from __future__ import annotations

from typing import Literal, NotRequired, final

from typing_extensions import TypedDict


class Provider(TypedDict):
    """A profile in short."""

    name: str
    title: str
    regions: list[str]
    endpoint: str | None
    as_of: str
    claims: int
    confirmed: int
    health_rules: int


class Providers(TypedDict):
    """All profiles."""

    providers: list[Provider]


class ClaimFact(TypedDict):
    """What is counted on, with where it comes from."""

    value: object
    as_of: str
    source: str
    confirmed: bool
    origin: str
    note: NotRequired[str]


class HealthRuleFact(TypedDict):
    """A condition that a bucket for health data must meet."""

    name: str
    see: str
    wanted: bool | list[str]
    rule: str
    fix: str
    as_of: str
    source: str
    confirmed: str


class NoteFact(TypedDict):
    """Something to know that the tool does not act on."""

    text: str
    as_of: str
    source: str
    confirmed: str


class ProfileFact(TypedDict):
    """Everything that is known of a host."""

    name: str
    title: str
    as_of: str
    claims: dict[str, ClaimFact]
    health: list[HealthRuleFact]
    notes: list[NoteFact]


class ObservationFact(TypedDict):
    """What was seen of one trait, beside the profile's claim; None: not known."""

    name: str
    observed: object
    how: str
    profile: object
    agrees: bool | None
    better: bool


@final
class ProbeIntention(TypedDict):
    """What a probe would try; nobody was contacted."""

    dry_run: Literal[True]
    endpoint: str
    region: str
    bucket: str
    prefix: str
    would_observe: list[str]
    would_not_try: dict[str, str]
    would_note: list[str]
    exit: int


class ProbeRecord(TypedDict):
    """What the target was seen to do; `left`: what could not be removed, None: not known.

    `credential`: the SHA-256 of the id of the access key that was used.
    """

    format: str
    at: str
    tool: str
    endpoint: str
    region: str
    provider: str
    profile_as_of: str
    bucket: str
    credential: str
    prefix: str
    requests: int
    left: int | None
    observations: list[ObservationFact]
    differences: list[str]
    swept: int


@final
class Probed(ProbeRecord):
    """A probe's record, where it is kept, and what it means for a run."""

    kept: str
    signed: bool
    refusals: list[str]
    notes: list[str]
    """What the target is known to change or to lack."""
    exit: int


class BucketStep(TypedDict):
    """One step at one bucket."""

    bucket: str
    step: str
    seen: str
    wanted: str
    done: str
    ok: bool


class Provisioned(TypedDict):
    """What was done, or would be, to have the buckets as they are wanted."""

    dry_run: bool
    steps: list[BucketStep]
    exit: int


class Fence(TypedDict):
    """Who writes in one bucket; all is null where there is no fence, or none that can be read."""

    bucket: str
    ours: bool
    against: str | None
    """Why this ledger may not write there; null: it may."""
    epoch: int | None
    state: Literal["running", "idle", "released"] | None
    host: str | None
    pid: int | None
    since: str | None
    seen: str | None
    """When it was last written, by its writer's clock."""


class Fences(TypedDict):
    """Who writes in each of a plan's buckets."""

    exit: int
    fences: list[Fence]


class StaleUploads(TypedDict):
    """Stale uploads of ours in one dataset's place; `skipped`: why nobody looked."""

    dataset: str
    skipped: str | None
    stale: int
    resumable: int
    oldest_seconds: NotRequired[int]
    aborted: int
    others: NotRequired[int]
    """Open ones that this ledger did not begin, of any age; absent where nobody looked."""
    others_since: NotRequired[str]
    """When the oldest of them was begun."""
    others_stale: NotRequired[int]
    """Those of them that are old enough, of the dataset that `--others` names."""
    others_parts: NotRequired[int]
    """Parts that these hold."""
    others_bytes: NotRequired[int]
    others_aborted: NotRequired[int]


class Cleaned(TypedDict):
    """What was aborted, or would be."""

    dry_run: bool
    datasets: list[StaleUploads]
    exit: int


class Served(TypedDict):
    """What was run for a cluster until it was stopped: `worker` or `scheduler`."""

    served: str


class ClusterCertificates(TypedDict):
    """The folder with a cluster's certificates, and the day on which they end."""

    folder: str
    end: str
