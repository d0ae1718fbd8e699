"""Make the plan's target buckets, as the profile's health-data rules and the plan want them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.events.run import BucketProvisioned, BucketProvisioning
from hdh_migrate.folders import make_private, write_whole
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.plan.files import read_named
from hdh_migrate.results.hosts import BucketStep
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import journal_of
from hdh_migrate.session.policy.buckets import places_in
from hdh_migrate.session.policy.target_alone import admitted, judge_of
from hdh_migrate.targets.mends import Wish
from hdh_migrate.targets.provisioning import ProvisionStep, provision
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.wiring.chosen import profile_of

POLICY_MAX = 20_480

KEPT = "provision"
"""The folder beside the ledger with what buckets had before it was removed."""


def provision_buckets(
    desk: Desk, *, policy: Path | None, execute: bool
) -> tuple[Exit, list[BucketStep]]:
    """Go through every bucket of the plan; return the exit code and the steps.

    Raises:
        UsageError: the policy file is not a policy.
        Refused: the gate to the target stays shut.
        StorageError: the target refuses what must come first.
    """
    plan = desk.loaded.plan
    text = None if policy is None else _policy(policy)
    endpoint = admitted(desk)
    profile = profile_of(plan, desk.loaded.base)
    locked = {d.target.bucket for d in plan.datasets if d.target.keeping is not None}
    steps: list[ProvisionStep] = []
    for bucket in dict.fromkeys(dataset.target.bucket for dataset in plan.datasets):
        wish = Wish(
            bucket=bucket,
            region=plan.target.region,
            lock=bucket in locked,
            lock_later=bool(profile.value("object_lock_later")),
            rules=profile.health,
            policy=None if text is None else text.replace("{bucket}", bucket),
            places=places_in(plan, bucket),
        )
        if not execute:
            steps += provision(endpoint, wish, execute=False, before=_never, keep=_never_kept)
            continue
        with journal_of(desk, judge_of(desk, endpoint)) as ledger:
            steps += provisioned(desk, ledger, endpoint, wish)
    code = Exit.OK if not execute or all(step.ok for step in steps) else Exit.FINDINGS
    return code, [step.as_json() for step in steps]


def provisioned(
    desk: Desk, ledger: SqliteLedger, endpoint: S3Endpoint, wish: Wish
) -> Iterator[ProvisionStep]:
    """Make one bucket what it is to be; the journal tells each change before it and after it.

    Raises:
        StorageError: the target refuses what must come first.
    """

    def before(bucket: str, step: str) -> None:
        ledger.event(BucketProvisioning(bucket=bucket, step=step))
        ledger.commit()

    for step in provision(endpoint, wish, execute=True, before=before, keep=partial(_keep, desk)):
        ledger.event(_provisioned(step))
        ledger.commit()
        yield step


def _provisioned(step: ProvisionStep) -> BucketProvisioned:
    return BucketProvisioned(
        bucket=step.bucket, step=step.step, seen=step.seen, wanted=step.wanted, done=step.done,
        ok=step.ok,
    )  # fmt: skip


def _keep(desk: Desk, bucket: str, step: str, there: Mapping[str, object]) -> str:
    """Keep what somebody had set, so that it can be set again, beside the ledger."""
    folder = desk.ledger_path.with_name(KEPT)
    make_private(folder)
    moment = re.sub("[-:]", "", desk.clock.now()[:19])
    text = json.dumps(there, indent=2, sort_keys=True, default=str).encode()
    for number in count():
        path = folder / f"{bucket}-{step}-{moment}{f'-{number}' if number else ''}.json"
        with suppress(FileExistsError):  # of the same second, and perhaps of other settings
            write_whole(path, text)
            return str(path)
    raise AssertionError("there is always one more number")


def _never_kept(bucket: str, step: str, there: Mapping[str, object]) -> str:
    del there
    raise AssertionError(f"{bucket}: {step} in a dry run")


def _never(bucket: str, step: str) -> None:
    raise AssertionError(f"{bucket}: {step} in a dry run")


def _policy(path: Path) -> str:
    try:
        text = read_named(path, 4 * POLICY_MAX).decode()
        statements = json.loads(text)["Statement"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(
            f"{path}: not a bucket policy in JSON (no Statement in it)",
            hint="`hdh-migrate docs providers` shows what a policy is; nothing was changed",
        ) from None
    if not statements or len(text) > POLICY_MAX:
        raise UsageError(f"{path}: a policy has statements, and at most {POLICY_MAX} characters")
    return text
