"""Folders and files of our own: private, judged before they are believed, whole or not there."""

from __future__ import annotations

import errno
import grp
import json
import os
import pwd
import shlex
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, TypeVar

from hdh_migrate.errors import NoSpace, Refused, UsageError
from hdh_migrate.jsonform import typed_dict

R = TypeVar("R")

STATE_DIR = ".hdh-migrate"
"""Where ledgers live, beside the plan, unless somebody says otherwise."""

_SIGNED: Final = ("SHA256SUMS", "statement.json")
"""Files that every report's folder has."""

_OTHERS = 0o077
_LOOK = "check the path, and every folder and link on the way to it"


def ledger_path(state_dir: Path, migration: str) -> Path:
    """Return where the ledger of a migration lives."""
    return state_dir / migration / "ledger.db"


def make_private(folder: Path) -> None:
    """Make a folder, and each one above it that is missing, with mode 0700.

    Raises:
        OSError: it cannot be made.
    """
    if not folder.parent.exists():
        make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def demand_private(folder: Path) -> None:
    """Refuse a folder that others may read or change; one that is not there is no harm.

    What lies in a private folder needs no guard of its own: nobody else comes that far. A link that
    leads nowhere on the way is no "not there": what it leads to may be a disk that is away.

    Raises:
        Refused: it belongs to somebody else, its mode lets others in, or a link leads nowhere.
    """
    try:
        seen = folder.stat()
    except FileNotFoundError:
        for place in (folder, *folder.parents):
            if place.is_symlink() and not place.exists():
                raise Refused(
                    f"{place}: is a link that leads nowhere",
                    hint="mount the disk that it leads to, or name another folder with --state-dir;"
                    " nothing was begun or changed",
                ) from None
        return
    except OSError as error:
        raise Refused(f"{folder}: cannot be looked at: {error.strerror}", hint=_LOOK) from error
    if not stat.S_ISDIR(seen.st_mode):
        raise Refused(f"{folder}: is no folder", hint="name another one with --state-dir")
    if seen.st_uid != os.geteuid():
        raise Refused(
            f"{folder}: belongs to another user, who could change what is proved from it",
            hint="run as its owner, or name a folder of yours with --state-dir",
        )
    if stat.S_IMODE(seen.st_mode) & _OTHERS:
        raise Refused(
            f"{folder}: is open to others (mode {stat.S_IMODE(seen.st_mode):04o}); it holds names"
            " of objects and decides what is proved",
            hint=f"chmod 700 {shlex.quote(str(folder))}, after a look at who could write there",
        )


def demand_no_evidence(folder: Path) -> None:
    """Refuse to add files to a report's folder: what was signed names every file that is in it.

    Raises:
        UsageError: it is one, or is inside of one.
    """
    for place in (folder.absolute(), *folder.absolute().parents):
        if all((place / name).is_file() for name in _SIGNED):
            raise UsageError(
                f"{folder}: {place} is a report's folder, which one more file would break",
                hint="give another folder; nothing was changed",
            )


def demand_unshared(path: Path, owners: Collection[int] = ()) -> None:
    """Refuse what somebody else could change, or put something else in the place of.

    Looks at what the path leads to and at every folder and link on the way: whoever may write
    into one of these may exchange what lies in it. Each must be ours, root's or one of `owners`'.
    What is not there yet is judged by the folders above it.

    Raises:
        Refused: it, or something on the way to it, is open to others.
    """
    trusted = {0, os.geteuid(), *owners}
    try:
        places = dict(_way(path.absolute(), _LINKS_MAX))
    except OSError as error:
        raise Refused(f"{path}: cannot be looked at: {error.strerror}", hint=_LOOK) from error
    last = list(places)[-1]
    for place, seen in places.items():
        if seen.st_uid not in trusted and not (seen.st_uid == _UNMAPPED and place != last):
            why, hint = "belongs to another user", "keep it in a folder of yours"
        elif not stat.S_ISLNK(seen.st_mode) and _open_to_change(seen):
            why = f"may be written by others (mode {stat.S_IMODE(seen.st_mode):04o})"
            hint = f"chmod go-w {shlex.quote(str(place))}, after a look at what lies there"
        else:
            continue
        what = "" if place == path.absolute() else f"{place}, which leads to it, "
        raise Refused(f"{path}: {what}{why}, who could exchange what is relied on", hint=hint)


def open_to_others(handle: int) -> bool:
    """Say whether somebody else may read an open file that is to be a secret of ours.

    What only its owner may touch is ours. One more way is as closed: what a container gets as a
    secret (docs/decisions/0053-secrets-of-containers.md). It is root's, for reading alone, by its
    owner and by a group of ours that nobody else is in, on a file system that is mounted read-only.

    Raises:
        OSError: it cannot be looked at.
    """
    read_only = bool(os.fstatvfs(handle).f_flag & os.ST_RDONLY)
    return _open_to_read(os.fstat(handle), read_only=read_only, groups=_our_groups())


def _open_to_read(seen: os.stat_result, *, read_only: bool, groups: Collection[int]) -> bool:
    mode = stat.S_IMODE(seen.st_mode)
    if not mode & _OTHERS:
        return False
    closed = (
        seen.st_uid == 0
        and not mode & ~(stat.S_IRUSR | stat.S_IRGRP)
        and read_only
        and seen.st_gid in groups
        and _ours_alone(seen.st_gid)
    )
    return not closed


def _our_groups() -> Collection[int]:
    return {os.getegid(), *os.getgroups()}


def _ours_alone(gid: int) -> bool:
    """Say whether no user that this machine names, but root and us, is in a group."""
    trusted = {0, os.geteuid()}
    try:
        named = grp.getgrgid(gid).gr_mem
    except KeyError:
        named = []
    users = pwd.getpwall()
    names = {one.pw_name for one in users if one.pw_uid in trusted}
    mains = {one.pw_uid for one in users if one.pw_gid == gid}
    return set(named) <= names and mains <= trusted


PARTIAL: Final = ".hdh-partial-"
"""How the names of files begin that are not whole yet; a killed command leaves one."""

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""How a disk says that it takes no more, and a quota, or a limit of files' sizes."""

NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})
"""How a file system says of a lock that it keeps none."""

_LINKS_MAX = 40
_UNMAPPED = 65534
"""Whose the folders above are in a container that does not know their owner."""


def unwritten(path: Path, error: OSError, *, hint: str | None = None) -> NoSpace | UsageError:
    """Return why a file or folder was not written: no room, or what stands in its way.

    `hint`: what to do where there is room.
    """
    if error.errno in FULL:
        return no_room(path)
    return UsageError(f"{path}: cannot be written: {error.strerror}", hint=hint)


def no_room(path: Path) -> NoSpace:
    """Return what is said of a file or folder that a full disk did not take."""
    hint = "nothing was written; make room and give the same command again"
    return NoSpace(f"{path}: no space left on the disk", hint=hint)


def _way(path: Path, links: int) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield what is passed on the way to a path, from the root, as far as it is there."""
    for place in (*reversed(path.parents), path):
        try:
            seen = os.lstat(place)
        except (OSError, ValueError):
            return
        yield place, seen
        if stat.S_ISLNK(seen.st_mode):
            if not links:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            yield from _way(place.parent / place.readlink(), links - 1)


def _open_to_change(seen: os.stat_result) -> bool:
    if stat.S_ISDIR(seen.st_mode) and seen.st_mode & stat.S_ISVTX:
        return False  # others may add to it, and exchange only what is theirs
    if seen.st_mode & stat.S_IWOTH:
        return True
    if not seen.st_mode & stat.S_IWGRP:
        return False
    if _alone(seen.st_uid, seen.st_gid):
        return False
    return not _of_a_container(seen.st_uid, seen.st_gid, _our_groups())


def _of_a_container(uid: int, gid: int, groups: Collection[int]) -> bool:
    """Return whether a volume is so as a container gets it to write to (decisions/0053).

    Root's, and of a group of ours that this machine does not name, or by its number alone, and that
    no user here has: such a group is in no list of users, and the container's own.
    """
    try:
        named = grp.getgrgid(gid).gr_name
    except KeyError:
        named = str(gid)
    return uid == 0 and named == str(gid) and gid in groups and _ours_alone(gid)


def _alone(uid: int, gid: int) -> bool:
    """Return whether a group is its user's own, as many systems make one for each user."""
    try:
        user, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def sync(folder: Path) -> None:
    """Make the names in a folder durable: a rename is not before this.

    Raises:
        OSError: the disk does not obey.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing(path: Path, *, mode: int = 0o600, replace: bool = False) -> Iterator[IO[bytes]]:
    """Give a file that takes its name when it is whole and on the disk, or never.

    Without `replace` a file of this name stays as it is, whoever made it meanwhile.

    Raises:
        FileExistsError: there is one.
        OSError: it cannot be written.
    """
    if not replace and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    import tempfile  # dear, and of no use to who only reads

    handle, name = tempfile.mkstemp(prefix=PARTIAL, dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            os.fchmod(handle, mode)
            file.flush()
            os.fsync(handle)
        if replace:
            partial.replace(path)
        else:
            take_name(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    try:
        sync(path.parent)
    except OSError:
        if not replace:  # it may be gone after a power cut, so it is not said to be there
            path.unlink(missing_ok=True)
        raise


def write_whole(path: Path, data: bytes, *, mode: int = 0o600, replace: bool = False) -> None:
    """Write a file as `writing` does.

    Raises:
        OSError: as there.
    """
    with writing(path, mode=mode, replace=replace) as file:
        file.write(data)


def kept(path: Path, kind: type[R], most: int) -> R | None:
    """Return what a small JSON file of ours holds, as a `TypedDict`.

    None where it is not there, cannot be read, has more than `most` bytes or another form: only for
    files on which nothing depends.
    """
    try:
        with path.open("rb") as file:
            text = file.read(most + 1)
        return typed_dict(kind, json.loads(text)) if len(text) <= most else None
    except (OSError, ValueError, RecursionError):
        return None


def keep(path: Path, value: Mapping[str, object]) -> None:
    """Replace what such a file holds; nothing depends on it, so a failure is nobody's trouble.

    On a full disk it takes the room that `reserve` took.
    """
    data = json.dumps(value).encode()
    try:
        write_whole(path, data, replace=True)
    except OSError:
        with suppress(OSError):
            _into_room(path, data)


def reserve(path: Path, room: int) -> None:
    """Take room for the next contents of such a file, so that a full disk does not silence it."""
    spare = _spare(path)
    with suppress(OSError):
        if not spare.exists() or spare.stat().st_size < room:
            write_whole(spare, b" " * room, replace=True)


def _into_room(path: Path, data: bytes) -> None:
    """Write over what was reserved, which needs no new block, and give it the file's name."""
    spare = _spare(path)
    with spare.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        if len(data) <= size:
            file.write(data.ljust(size))  # JSON may end with spaces
            file.flush()
            os.fsync(file.fileno())
    if len(data) <= size:
        spare.replace(path)


def _spare(path: Path) -> Path:
    return path.with_name(f".{path.name}.room")


_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})


def take_name(partial: Path | str, path: Path | str, *, folder: int | None = None) -> None:
    """Give a whole file its name if nothing has it yet; both may be names in an open `folder`.

    Raises:
        FileExistsError: something has it.
        OSError: it cannot be given.
    """
    try:
        os.link(partial, path, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError as error:
        raise FileExistsError(errno.EEXIST, error.strerror, str(path)) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A stick, say, knows no links: there the name is taken first, and filled right after.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(path, flags, 0o600, dir_fd=folder))
        os.replace(partial, path, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        os.unlink(partial, dir_fd=folder)
