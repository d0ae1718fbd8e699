"""A file as a pointer: readers find the old content or the new one, whole, at every instant.

The new content is written beside the file, forced to the disk, and renamed over it. A lock keeps
other writers out who lock as well; whoever does not is noticed up to the last moment before the
rename, not in it, so the guard is "checked".
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from hdh_migrate.errors import (
    AccessDenied,
    MigrateError,
    Missing,
    Permanent,
    PointerMoved,
    StorageError,
    Transient,
)
from hdh_migrate.frozen import frozen_row
from hdh_migrate.model import Problem
from hdh_migrate.plan import pointers as plans
from hdh_migrate.plan.files import NotRegularError
from hdh_migrate.pointers import documents
from hdh_migrate.pointers.values import MAX_BYTES, credential_in, one_line, to_do

_FORMATS: Final = {".yaml": "yaml", ".yml": "yaml", ".json": "json"}
_SEVERAL_NAMES: Final = "the file has several names"
_SEVERAL_HINT: Final = "other names (hard links) of the file would keep the old value"
_DENIED: Final = frozenset((errno.EACCES, errno.EPERM, errno.EROFS))


@frozen_row
class _Content:
    """What was found, and of which file."""

    data: bytes
    status: os.stat_result

    @property
    def identity(self) -> tuple[int, int]:
        return self.status.st_dev, self.status.st_ino


class PointerInFile:
    """A file, or one text inside it; see `ports.Pointer`."""

    kind = "file"
    guard: Literal["conditional", "checked"] = "checked"

    def __init__(self, path: Path, *, key: str | None = None, form: str | None = None) -> None:
        self._path = path
        self._key = key
        self._form = form or _FORMATS.get(path.suffix.lower())
        self._where = f"pointer file {path}"

    def check(self) -> Sequence[Problem]:
        """Look at the file and its folder; nothing is written."""
        try:
            value = self.read()
            with _folder(self._real()) as (folder, name):
                found = _content(folder, name)
                problems = list(self._hindrances(found.status, folder))
        except MigrateError as error:
            denied = isinstance(error, AccessDenied)
            what = self._bare(error)
            return [Problem(where=self._where, what=what, hint=error.hint, auth=denied)]
        except OSError as error:
            return [Problem(where=self._where, what=self._bare(self._translated(error)))]
        return [*problems, *credential_in(value, self._where)]

    def _bare(self, error: Exception) -> str:
        """Return what an error says, without the file that it names: a problem names it itself."""
        return str(error).removeprefix(f"{self._where}: ")

    def _hindrances(self, status: os.stat_result, folder: int) -> Iterator[Problem]:
        if status.st_nlink > 1:
            yield Problem(where=self._where, what=_SEVERAL_NAMES, hint=_SEVERAL_HINT)
        if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder):
            hint = "a file is replaced as a whole, so its folder must be writable"
            yield Problem(
                where=self._where, what="no right to write in its folder", hint=hint, auth=True
            )
        if os.geteuid() not in {0, status.st_uid}:
            hint = "the new file would belong to somebody else; run as its owner"
            yield Problem(
                where=self._where, what="the file belongs to another user", hint=hint, auth=True
            )

    def read(self) -> str:
        """Return the value as it is now."""
        try:
            with _folder(self._real()) as (folder, name):
                return self._value(_content(folder, name).data)
        except OSError as error:
            raise self._translated(error) from error

    def swap(self, *, expected: str, new: str) -> None:
        """Replace the file if it holds `expected`; see `ports.Pointer.swap`."""
        try:
            # The link stays a link: what is replaced is the file that it leads to.
            real = self._real()
            with _folder(real) as (folder, name), _locked(folder, name) as found:
                if to_do(self._value(found.data), expected=expected, new=new):
                    self._demand_one_name(found)
                    self._replace(real, folder, name, found, new)
                else:
                    os.fsync(folder)  # an earlier rename may not have reached the disk
        except OSError as error:
            raise self._translated(error) from error

    def _replace(self, real: Path, folder: int, name: str, found: _Content, new: str) -> None:
        # No other run of ours is here (the lock), so what has this name was left by a kill.
        temporary = f".{name}.hdh-migrate"
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        _write(folder, temporary, self._with_value(found.data, new), found.status, name)
        try:
            self._demand_unchanged(real, found, _content(folder, name))
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(temporary, dir_fd=folder)
            raise
        os.fsync(folder)

    def _demand_one_name(self, found: _Content) -> None:
        if found.status.st_nlink > 1:
            raise Permanent(f"{self._where}: {_SEVERAL_NAMES}", hint=_SEVERAL_HINT)

    def _demand_unchanged(self, real: Path, before: _Content, now: _Content) -> None:
        if (now.identity, now.data) != (before.identity, before.data) or self._real() != real:
            raise PointerMoved("the pointer file changed while it was switched; it was not touched")

    def _real(self) -> Path:
        return Path(os.path.realpath(self._path, strict=True))

    def _value(self, data: bytes) -> str:
        if self._key is None:
            return one_line(data, self._where)[0]
        value = documents.read(self._text(data), self._key, self._kind_of_file()).value
        return one_line(value.encode("utf-8", "surrogatepass"), self._where)[0]

    def _with_value(self, data: bytes, new: str) -> bytes:
        if self._key is None:
            return (new + one_line(data, self._where)[1]).encode()
        changed = documents.replaced(self._text(data), self._key, self._kind_of_file(), new)
        return changed.encode()

    def _text(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass
        raise Permanent(f"{self._where}: not UTF-8 text", hint="nothing was changed")

    def _kind_of_file(self) -> str:
        if self._form is None:
            raise Permanent(
                f"{self._where}: neither YAML nor JSON by its suffix", hint="give its `format`"
            )
        return self._form

    def _translated(self, error: OSError) -> StorageError:
        if isinstance(error, FileNotFoundError):
            return Missing(f"{self._where}: there is no such file")
        if isinstance(error, NotRegularError):
            return Permanent(f"{self._where}: not a regular file")
        kind = AccessDenied if error.errno in _DENIED else Permanent
        return kind(f"{self._where}: {os.strerror(error.errno or 0).lower()}")


def opened(section: plans.FilePointer, base: Path) -> PointerInFile:
    """Return the pointer that a section of a plan describes."""
    return PointerInFile(base / section.path, key=section.key, form=section.format)


@contextmanager
def _folder(path: Path) -> Iterator[tuple[int, str]]:
    """Hold the file's folder open: whatever happens to its path, all happens in this one."""
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle, path.name
    finally:
        os.close(handle)


def _open(folder: int, name: str) -> int:
    # Without O_NONBLOCK, opening a pipe would wait for its other end.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(name, flags, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotRegularError("not a regular file")
    return handle


def _content(folder: int, name: str) -> _Content:
    handle = _open(folder, name)
    try:
        return _content_of(handle)
    finally:
        os.close(handle)


def _content_of(handle: int) -> _Content:
    with os.fdopen(handle, "rb", closefd=False) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Permanent("the pointer file is larger than 1 MiB", hint="nothing was changed")
    return _Content(data, os.fstat(handle))


@contextmanager
def _locked(folder: int, name: str) -> Iterator[_Content]:
    """Hold the file's lock and give what the file holds."""
    handle = _open(folder, name)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Transient("another program holds the lock of the pointer file") from None
        except OSError as error:  # a file system without locks
            why = f"the pointer file cannot be locked: {error.strerror}"
            raise Permanent(why, hint="nothing was changed") from error
        found = _content_of(handle)
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if (status.st_dev, status.st_ino) != found.identity:
            raise Transient("the pointer file was replaced while it was opened")
        yield found
    finally:
        os.close(handle)


def _write(folder: int, name: str, data: bytes, like: os.stat_result, original: str) -> None:
    """Write a file that is on the disk, with the owner, mode and attributes of another."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb", closefd=False) as file:
            file.write(data)
        status = os.fstat(handle)
        if (status.st_uid, status.st_gid) != (like.st_uid, like.st_gid):
            os.fchown(handle, like.st_uid, like.st_gid)
        _copy_attributes(folder, original, handle)
        os.fchmod(handle, stat.S_IMODE(like.st_mode))
        os.fsync(handle)
    except BaseException:
        os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(handle)


def _copy_attributes(folder: int, original: str, handle: int) -> None:
    """Copy extended attributes, access lists among them; labels are the system's own affair."""
    if not hasattr(os, "listxattr"):
        return
    source = _open(folder, original)
    try:
        for attribute in os.listxattr(source):
            if not attribute.startswith(("security.", "trusted.")):
                os.setxattr(handle, attribute, os.getxattr(source, attribute))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
    finally:
        os.close(source)
