"""Read one object back from the target: unsealed, checked, and only then given its name."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from hdh_migrate.errors import Conflict, Missing, TargetDiffers, UnsealFailed, UsageError
from hdh_migrate.folders import demand_no_evidence, sync, take_name
from hdh_migrate.frozen import frozen_row
from hdh_migrate.model import AT_TARGET, Stored
from hdh_migrate.model.naming import is_version
from hdh_migrate.results.objects import Fetched
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate, openings
from hdh_migrate.session.policy.erased import demand_not_erased
from hdh_migrate.session.policy.object_by_key import dataset_row, object_by_key
from hdh_migrate.session.policy.signposted import demand_no_word_of_erasure
from hdh_migrate.session.verbs.telling import tell_at_once
from hdh_migrate.wiring import Services, routes_of
from hdh_migrate.wiring.chosen import is_rehearsal

_HIDDEN: Final = ".fetch-"


def fetch(desk: Desk, dataset: str, key: str, out: Path, *, reason: str | None = None) -> Fetched:
    """Write one object's plaintext to `out` (mode 0600) after comparing its digest.

    Who opens what and why is written down before the target is asked (session/policy/openings.py).

    Raises:
        Refused: the dataset was erased, whether or not this ledger knows it.
        UsageError: there is no such dataset or object, it is not verified, `out` exists, or there
            is no reason.
        TargetDiffers: the target does not hold it any more.
        UnsealFailed: what the target holds is not what was verified; nothing is written.
    """
    loaded = desk.loaded
    desk.demand_datasets([dataset])
    route = routes_of(loaded.plan)[dataset]
    demand_free(out)
    why = openings.reason_of(reason, rehearsal=is_rehearsal(loaded.plan, loaded.base))
    ledger = desk.read_ledger()
    try:
        demand_not_erased(ledger, [dataset])
        row = dataset_row(ledger, dataset)
        found, taken = object_by_key(ledger, row.id, route, key), openings.remembered(ledger)
        header = None if found is None else ledger.header(found[0].id)
    finally:
        ledger.close()
    if found is None:
        raise UsageError("no such object in the dataset", hint="give the key as the source has it")
    entry, state = found
    if state not in AT_TARGET or entry.etag is None:
        raise UsageError(
            f"the object is not at the target yet ({state.name.lower()})",
            hint='"hdh-migrate explain PLAN KEY" says what becomes of it, "hdh-migrate run PLAN"'
            " moves what is to be moved",
        )
    services = desk.services(write=False, looks=False, reads=False)
    gate.admitted(desk, services)
    if header is not None:
        demand_no_word_of_erasure(desk, services.reader, route.target.bucket, dataset)
    services.envelopes.self_test()
    opening = openings.Opening(
        at=desk.clock.now(), who=operator(), dataset=dataset, object=entry.id, reason=why
    )
    openings.note(desk.ledger_path, taken, opening)
    stored = Stored(
        key=route.target_key(entry.obj.key), size=entry.stored_size or 0, etag=entry.etag,
        version_id=entry.version_id, exact=is_version(entry.obj.key),
    )  # fmt: skip
    wanted = _Wanted(route.target.bucket, stored, entry.obj.size, entry.sha256, header)
    try:
        digest = desk.retrying()(lambda: _into(out, services, wanted))
    finally:  # whatever came of it, somebody opened it
        tell_at_once(desk)
    return {
        "dataset": dataset,
        "size": entry.obj.size,
        "sha256": digest,
        "compared": entry.sha256 is not None,
        "out": str(out),
    }


@frozen_row
class _Wanted:
    """The object to read back, and what it must be."""

    bucket: str
    stored: Stored
    size: int
    sha256: str | None
    header: bytes | None
    """None: it stands in front of the bytes."""


def _into(out: Path, services: Services, wanted: _Wanted) -> str:
    digest = hashlib.sha256()
    with appearing(out) as file:

        def take(view: memoryview) -> None:
            digest.update(view)
            file.write(view)

        unsealer = services.envelopes.unsealer(size=wanted.size, write=take, header=wanted.header)
        try:
            services.reader.read(wanted.bucket, wanted.stored, None, unsealer.write)
        except Missing as error:
            raise TargetDiffers(
                "the target does not hold the object any more",
                hint='nothing was written; "hdh-migrate verify PLAN --again" finds what is gone,'
                " and the next run sends it again",
            ) from error
        except Conflict as error:
            raise TargetDiffers(
                str(error),
                hint='nothing was written; "hdh-migrate verify PLAN --again" finds what was'
                " replaced, and then --restore or --accept decides about it",
            ) from error
        unsealer.close()
        if wanted.sha256 is not None and digest.hexdigest() != wanted.sha256:
            raise UnsealFailed("the object's digest is not the one that was recorded")
    return digest.hexdigest()


def demand_free(out: Path) -> None:
    """Demand that nothing has a name yet: nothing is overwritten.

    Raises:
        UsageError: something has it, or it is `-`, by which other tools mean a stream.
    """
    if str(out) == "-":
        raise UsageError(
            "--out - is no file: what is opened goes into a private file, never into a stream",
            hint="nothing was opened; name a file",
        )
    if os.path.lexists(out):
        raise _in_use(out)


def _in_use(out: Path) -> UsageError:
    return UsageError(f"{out} exists", hint="give another --out; nothing is overwritten")


@contextmanager
def appearing(out: Path) -> Iterator[IO[bytes]]:
    """Yield a nameless file (mode 0600), and give it its name if all goes well.

    A process that is killed leaves no plaintext. Where the file system has no nameless files, a
    hidden one stands in for it; what a killed fetch left of those is removed by the next one.

    Raises:
        UsageError: its folder is not there, not open to us, or a report's; or somebody took the
            name meanwhile.
    """
    demand_no_evidence(out.parent)
    try:
        handle = os.open(out.parent, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES}:
            raise UsageError(
                f"{out}: cannot be written: {error.strerror}",
                hint="name a new file with --out, in a folder that is there; nothing was written",
            ) from None
        if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL}:
            raise
        with _hidden(out) as file:
            yield file
        return
    with os.fdopen(handle, "wb") as file:
        yield file
        file.flush()
        os.fsync(handle)
        _name(handle, out)
    sync(out.parent)


def _name(handle: int, out: Path) -> None:
    """Give an open file without a name its name; nothing is ever overwritten.

    Through /proc, for to link a descriptor itself needs a privilege; with a folder's descriptor,
    for without one Python would link the link and not what it leads to.
    """
    folder = os.open(out.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.link(f"/proc/self/fd/{handle}", out.name, dst_dir_fd=folder, follow_symlinks=True)
    except FileExistsError:
        raise _in_use(out) from None
    finally:
        os.close(folder)


def _sweep(left: Path) -> None:
    """Remove what a killed fetch left."""
    handle = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if os.fstat(handle).st_uid == os.geteuid():
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
    finally:
        os.close(handle)


@contextmanager
def _hidden(out: Path) -> Iterator[IO[bytes]]:
    for left in out.parent.glob(f"{_HIDDEN}*"):
        with suppress(OSError):  # whoever writes it holds it; a link, or of somebody else: not ours
            _sweep(left)
    handle, name = tempfile.mkstemp(prefix=_HIDDEN, dir=out.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            with suppress(OSError):  # without locks nobody could sweep it, either
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(handle)
            take_name(name, out)
    except FileExistsError:
        raise _in_use(out) from None
    finally:
        Path(name).unlink(missing_ok=True)
    sync(out.parent)
