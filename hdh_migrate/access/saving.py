"""Download objects of a grant into a folder: each one whole and checked, or not under its name.

A file has a hidden name (mode 0600) until all of its segments and its digest are checked; who is
stopped, or killed, goes on behind the last whole segment. Nothing is ever overwritten, and a link
in the folder leads nowhere else.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from hdh_migrate.access.catalogue import CataloguedObject
from hdh_migrate.access.names import PARTIAL, SUFFIX, FileNames, parts_of
from hdh_migrate.access.opened import OpenedGrant
from hdh_migrate.access.segments import WINDOW, GrantedReader, OpenedSegments, RunningDigest
from hdh_migrate.errors import MigrateError, NotAsGranted, Refused, Stopped, UsageError
from hdh_migrate.folders import make_private, take_name
from hdh_migrate.frozen import frozen, mutable
from hdh_migrate.grants.objects import GrantedObject
from hdh_migrate.model import SEGMENT
from hdh_migrate.plan import globs
from hdh_migrate.sealing.crypt4gh import SEALED_SEGMENT

_GLOBS: Final = 'see "--list" for the names; "*" fits within one folder, and "**" in all of them'
THREADS: Final = 8
"""Objects that are written at the same time; each takes up to 8 MiB of memory."""

Report = Callable[[int, int], None]
"""Is told of objects and bytes in clear that are done."""


@mutable
class Saved:
    """What came of a download."""

    objects: int = 0
    bytes: int = 0
    """In clear."""
    already: int = 0
    """Of the objects: those that were there, whole, before."""


@frozen
class _FileForm:
    """How a file holds an object: what stands before its segments, and how long each is."""

    head: bytes
    segment: int
    suffix: str

    def piece(self, opened: OpenedSegments) -> memoryview:
        """Return what of some segments is written."""
        return opened.sealed if self.suffix else opened.clear


def save(
    grant: OpenedGrant,
    patterns: Sequence[str],
    out: Path,
    *,
    sealed: bool,
    done: Report = lambda *_: None,
    halted: Callable[[], None] = lambda: None,
) -> Saved:
    """Write every object whose name fits one of the globs below `out`, under its name.

    `sealed`: as `.c4gh` files that any Crypt4GH tool opens with the reader's key, instead of in
    clear. `halted` is asked again and again, and raises what is to end the download.

    Raises:
        UsageError: a glob is none or fits nothing, or `out` cannot be a folder.
        Refused: names cannot be files beside each other (nothing is written then), or a file is
            there that is not the object.
        NotAsGranted: what the host gives is not what was granted; what was whole before stays.
    """
    wanted, fit = _wanted(patterns)
    names = FileNames(suffix=SUFFIX if sealed else "")
    count = 0
    for found in grant.catalogue.starting():
        if wanted(found.of.name):
            names.add(found.of.name)
            count += 1
    if not count:
        raise UsageError("no object of the grant fits", hint=_GLOBS)
    if not all(fit):
        raise UsageError(
            f"--get number {fit.index(False) + 1} fits no object of the grant",
            hint=f"nothing was written; {_GLOBS}",
        )
    names.demand_different()
    saved = Saved()
    with _folder(out) as root, _several(halted) as (start, going):
        due: deque[tuple[int, Future[bool]]] = deque()

        def finish() -> None:
            size, one = due.popleft()
            saved.already += one.result()
            saved.objects += 1
            saved.bytes += size
            done(1, size)

        for found in grant.catalogue.starting():
            if wanted(found.of.name):
                halted()
                one = start(_one, root, grant, found, sealed=sealed, going=going)
                due.append((found.of.length, one))
                if len(due) == 2 * THREADS:
                    finish()
        while due:
            finish()
    return saved


@contextmanager
def _several(
    halted: Callable[[], None],
) -> Iterator[tuple[Callable[..., Future[bool]], Callable[[], None]]]:
    """Give what starts a piece of work in a thread, and what each asks whether to go on.

    Where one fails, or the block does, the others end at once; nothing is begun any more.
    """
    over = threading.Event()

    def going() -> None:
        if over.is_set():
            raise Stopped("another object could not be written")
        halted()

    with ThreadPoolExecutor(THREADS, thread_name_prefix="hdh-get") as pool:
        try:
            yield pool.submit, going
        except BaseException:
            over.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _wanted(patterns: Sequence[str]) -> tuple[Callable[[str], bool], list[bool]]:
    """Return what judges names, and which of the globs have fitted one so far.

    Raises:
        UsageError: a glob is none.
    """
    for pattern in patterns:
        if (why := globs.objection(pattern)) is not None:
            raise UsageError(f"--get: {why}")
    compiled = [globs.compiled(pattern) for pattern in patterns]
    fit = [False] * len(compiled)

    def wanted(name: str) -> bool:
        fits = [one.match(name) is not None for one in compiled]
        fit[:] = map(any, zip(fit, fits, strict=True))
        return any(fits)

    return wanted, fit


def _one(
    root: int,
    grant: OpenedGrant,
    found: CataloguedObject,
    *,
    sealed: bool,
    going: Callable[[], None],
) -> bool:
    """Have one object's file there; return whether it was before."""
    reader, of = grant.reader(found), found.of
    form = (
        _FileForm(head=of.header, segment=SEALED_SEGMENT, suffix=SUFFIX)
        if sealed
        else _FileForm(head=b"", segment=SEGMENT, suffix="")
    )
    *folders, name = parts_of(of.name, form.suffix)
    with _below(root, folders) as folder:
        partial = PARTIAL + _mark(of, form)
        if _is_there(folder, name, reader, form):
            with suppress(FileNotFoundError):  # who was killed right after the file had its name
                os.unlink(partial, dir_fd=folder)
            return True
        with _held(folder, partial) as handle:
            _fill(handle, reader, form, going)
            try:
                take_name(partial, name, folder=folder)
            except FileExistsError:
                raise _in_the_way() from None
        os.fsync(folder)
    return False


def _fill(handle: int, reader: GrantedReader, form: _FileForm, going: Callable[[], None]) -> None:
    """Write what is missing of an object into its hidden file, and demand the whole.

    What an earlier time left may be what is wrong: then all of it is fetched anew, once.
    """
    first, digest = _kept(handle, reader, form)
    try:
        _rest(handle, reader, form, going, digest, first)
    except NotAsGranted:
        if not first:
            raise
        _rest(handle, reader, form, going, RunningDigest(reader.of), 0)
    os.fsync(handle)


def _rest(
    handle: int,
    reader: GrantedReader,
    form: _FileForm,
    going: Callable[[], None],
    digest: RunningDigest,
    first: int,
) -> None:
    """Write an object's segments from `first` on behind those that are there."""
    os.truncate(handle, len(form.head) + first * form.segment if first else 0)
    if not first:
        _written(handle, memoryview(form.head), 0)
    at = os.lseek(handle, 0, os.SEEK_END)
    for opened in reader.through(first):
        going()
        digest.add(digest.at, opened.clear)
        at += _written(handle, form.piece(opened), at)
    digest.demand()


def _kept(handle: int, reader: GrantedReader, form: _FileForm) -> tuple[int, RunningDigest]:
    """Return how many whole segments of an earlier time can stay, and their digest."""
    digest, none = RunningDigest(reader.of), (0, RunningDigest(reader.of))
    size, head = os.fstat(handle).st_size, len(form.head)
    whole = max(0, size - head) // form.segment
    if size == head + _body(reader.of, form):
        whole = reader.segments
    if not whole or whole > reader.segments or os.pread(handle, head, 0) != form.head:
        return none
    try:
        for clear in _read_again(handle, reader, form, whole):
            digest.add(digest.at, clear)
    except NotAsGranted:
        return none
    return whole, digest


def _read_again(
    handle: int, reader: GrantedReader, form: _FileForm, whole: int
) -> Iterator[bytes | memoryview]:
    """Yield in clear what a file holds of an object's first segments."""
    head, end = len(form.head), len(form.head) + _body(reader.of, form)
    for begin in range(0, whole, WINDOW):
        start = head + begin * form.segment
        stop = min(head + min(begin + WINDOW, whole) * form.segment, end)
        data = os.pread(handle, stop - start, start)
        if len(data) != stop - start:
            raise NotAsGranted("a file was changed while it was looked at")
        yield reader.opened(memoryview(data), begin).clear if form.suffix else data


def _body(of: GrantedObject, form: _FileForm) -> int:
    return of.sealed - of.body if form.suffix else of.length


def _is_there(folder: int, name: str, reader: GrantedReader, form: _FileForm) -> bool:
    """Return whether a file is the object already.

    Raises:
        Refused: something else has its name.
    """
    try:
        handle = os.open(name, os.O_RDONLY | _SAFE, dir_fd=folder)
    except FileNotFoundError:
        return False
    except OSError:  # a link, a pipe, somebody else's
        raise _in_the_way() from None
    try:
        seen = os.fstat(handle)
        whole = len(form.head) + _body(reader.of, form)
        if not stat.S_ISREG(seen.st_mode) or seen.st_size != whole:
            raise _in_the_way()
        digest = hashlib.sha256()
        if os.pread(handle, len(form.head), 0) != form.head:
            raise _in_the_way()
        for clear in _read_again(handle, reader, form, reader.segments):
            digest.update(clear)
    except (NotAsGranted, OSError):
        raise _in_the_way() from None
    finally:
        os.close(handle)
    if digest.hexdigest() != reader.of.sha256:
        raise _in_the_way()
    return True


def _in_the_way() -> Refused:
    return Refused(
        "a file has the name of an object that is to be written, and is not that object",
        hint="nothing is overwritten; look at what lies there, or give another --out",
    )


def _mark(of: GrantedObject, form: _FileForm) -> str:
    """Return what tells the hidden file of one object, in one form, from every other."""
    told = "\0".join((of.bucket, of.key, of.version or "", of.etag, of.sha256, form.suffix))
    digest = hashlib.sha256(told.encode("utf-8", "surrogateescape") + form.head)
    return digest.hexdigest()[:32]


def _written(handle: int, data: memoryview, at: int) -> int:
    left = data
    while left:
        count = os.pwrite(handle, left, at)
        left, at = left[count:], at + count
    return len(data)


# --- folders -------------------------------------------------------------------------------------

_SAFE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def _folder(out: Path) -> Iterator[int]:
    try:
        make_private(out)
        handle = os.open(out, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise UsageError(f"{out}: cannot be written to: {why}") from None
    try:
        yield handle
    except OSError as error:
        raise _unwritable(error) from None
    finally:
        os.close(handle)


@contextmanager
def _below(root: int, folders: Sequence[str]) -> Iterator[int]:
    """Open a folder below another one, made where it is missing; no link is followed."""
    handle = os.dup(root)
    try:
        for name in folders:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=handle)
            try:
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | _SAFE, dir_fd=handle)
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                    raise _in_the_way() from None
                raise
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _held(folder: int, name: str) -> Iterator[int]:
    """Open a hidden file for us alone, as an earlier download may have left it.

    Raises:
        Refused: another download of the same object writes it now, or it is none of ours.
    """
    handle = os.open(name, os.O_RDWR | os.O_CREAT | _SAFE, 0o600, dir_fd=folder)
    try:
        seen = os.fstat(handle)
        if seen.st_uid != os.geteuid() or not stat.S_ISREG(seen.st_mode):
            raise _in_the_way()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                "another download writes the same object into this folder",
                hint="wait for it to end, or give another --out",
            ) from None
        except OSError as error:
            raise Refused(
                f"files in this folder cannot be locked: {error.strerror}",
                hint="nothing was opened; give another --out, on a disk that keeps locks",
            ) from None
        yield handle
    finally:
        os.close(handle)


def _unwritable(error: OSError) -> MigrateError:
    why = (error.strerror or "unknown reason").lower()
    return Refused(
        f"a file cannot be written: {why}",
        hint="what is whole stays; mend it, and the same command goes on",
    )
