"""Read one object back from the target: unsealed, checked, and only then given its name."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from hdh_migrate.errors import Missing, UnsealFailed, UsageError
from hdh_migrate.model import State, Stored
from hdh_migrate.pipeline.retrying import Gate, Retrying
from hdh_migrate.session import gate
from hdh_migrate.session.run import Desk
from hdh_migrate.session.timekeeping import judge_for
from hdh_migrate.wiring import Services, routes_of


def fetch(desk: Desk, dataset: str, key: str, out: Path) -> dict[str, Any]:
    """Write one object's plaintext to `out` (mode 0600) after comparing its digest.

    Raises:
        UsageError: there is no such dataset or object, it is not verified, or `out` exists.
        UnsealFailed: what the target holds is not what was verified; nothing is written.
    """
    loaded = desk.loaded
    route = routes_of(loaded.plan).get(dataset)
    if route is None:
        raise UsageError(f"no dataset {dataset} in the plan")
    if out.exists():
        raise UsageError(f"{out} exists", hint="give another --out; nothing is overwritten")
    ledger = desk.read_ledger()
    try:
        row = next(row for row in ledger.datasets() if row.name == dataset)
        found = ledger.find(row.id, key)
    finally:
        ledger.close()
    if found is None:
        raise UsageError("no such object in the dataset", hint="give the key as the source has it")
    entry, state = found
    if state not in {State.SENT, State.VERIFIED} or entry.etag is None:
        raise UsageError(f"the object is not at the target yet ({state.name.lower()})")
    services = desk.services(write=False)
    gate.admit(services, loaded.plan, judge_for(desk.clock, services, desk.ledger_path))
    services.envelopes.self_test()
    stored = Stored(
        key=route.target_key(entry.obj.key), size=entry.stored_size or 0, etag=entry.etag
    )
    retry = Retrying(
        budget=loaded.plan.limits.retry_budget_seconds,
        gate=Gate(desk.clock.monotonic, desk.stop),
        halt=desk.stop,
    )

    def attempt() -> str:
        return _into(out, services, route.target.bucket, stored, entry.obj.size, entry.sha256)

    digest = retry(attempt)
    return {
        "dataset": dataset,
        "size": entry.obj.size,
        "sha256": digest,
        "compared": entry.sha256 is not None,
        "out": str(out),
    }


def _into(
    out: Path, services: Services, bucket: str, stored: Stored, size: int, sha256: str | None
) -> str:
    digest = hashlib.sha256()
    handle, name = tempfile.mkstemp(prefix=".fetch-", dir=out.parent)
    try:
        with os.fdopen(handle, "wb") as file:

            def take(view: memoryview) -> None:
                digest.update(view)
                file.write(view)

            unsealer = services.envelopes.unsealer(size=size, write=take)
            try:
                services.reader.read(bucket, stored, None, unsealer.write)
            except Missing as error:
                raise UsageError("the target does not hold the object") from error
            unsealer.close()
            file.flush()
            os.fsync(file.fileno())
        if sha256 is not None and digest.hexdigest() != sha256:
            raise UnsealFailed("the object's digest is not the one that was recorded")
        os.link(name, out)  # never overwrites
    finally:
        Path(name).unlink()
    return digest.hexdigest()
