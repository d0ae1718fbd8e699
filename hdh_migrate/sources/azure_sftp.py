"""An SFTP server as a source: Azure's endpoint, or any other. Keys are paths below a directory.

SFTP has no condition on a read and no version of a file: what stands for it is size and time of
change, in whole seconds, looked at before and after each read and on the open file. What a read
has handed over when its session is cut is read again and compared before it goes on. Symlinks and
special files are listed with their kind and never opened; no name below the plan's own directory
may lead through a link.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final

from hdh_migrate.clocks import text_of
from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    BytesChanged,
    ConnectionLost,
    Missing,
    ShortRead,
    SourceChanged,
    Unsupported,
)
from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import (
    Brief,
    ObjectInfo,
    Page,
    Place,
    Problem,
    Span,
    Untagged,
    key_bytes,
    key_text,
)
from hdh_migrate.ports.stores import NO_RANGE_DIGEST, Note, Write
from hdh_migrate.sources.sftp_listing import HELD, FolderWalk, ListedFile, below
from hdh_migrate.sources.sftp_packets import Attrs
from hdh_migrate.sources.sftp_session import Session
from hdh_migrate.sources.sftp_sessions import Sessions

PAGE_SIZE: Final = 1_000
RECOUNT_AT_ONCE: Final = 700
RECONNECTS: Final = 10
"""How often one read goes on in another session, as long as each brings it further."""

_ELSEWHERE_HINT: Final = (
    "a link was put in the place of a directory; or the server answers REALPATH with another path,"
    " and cannot be read safely"
)
_UNREAD: Final = "owners, modes and empty directories are not read"
_BY_TIME: Final = (
    "SFTP tells no version: a file counts as unchanged while its size and its time of change, in"
    " whole seconds, are the same"
)


class _Elsewhere(SourceChanged):
    """The path leads through a link, or the server does not return paths as they were asked."""


class AzureSftpSource:
    """Directories of one SFTP server; a `Place`'s bucket is a directory, its prefix is unused."""

    lists_at_once = False  # a listing holds a session
    reads_together = False

    def __init__(
        self,
        sessions: Sessions,
        *,
        twice: bool = False,
        secured: Callable[[], Sequence[str]] = tuple,
        page_size: int = PAGE_SIZE,
        held: int = HELD,
    ) -> None:
        """`page_size` is files in a page, `held` names of directories in memory.

        `twice` says that the plan has every object read again; `secured` with what connections
        were secured so far.
        """
        self.page_size = page_size
        self._sessions = sessions
        self._twice = twice
        self._secured = secured
        self._held = held
        self._roots: dict[str, bytes] = {}

    # --- rights ----------------------------------------------------------------------------------

    def check(self, place: Place, *, checked: bool = False) -> Sequence[Problem]:
        """List the directory's first names, and read the first byte of a file as transfer does."""
        where = f"source folder {place.bucket}"
        try:
            with self._sessions.one(keep=False) as session:
                return self._checked(session, place, where, checked=checked)
        except Missing:
            return [Problem(where=where, what="there is no such directory")]
        except AuthFailed as error:
            return [Problem(where=where, what=str(error), hint=error.hint, auth=True)]
        except AccessDenied:
            return [Problem(where=where, what="no right to list or read", auth=True,
                            hint="the user needs Read and List on the directory")]  # fmt: skip

    def _checked(
        self, session: Session, place: Place, where: str, *, checked: bool
    ) -> Sequence[Problem]:
        session.begin()
        root = self.root(session, place)
        for piece in session.names(below(root, b"")):
            for name, attrs in piece:
                if attrs.kind != "object" or name in {b".", b".."} or b"/" in name:
                    continue
                try:
                    obj = _described(ListedFile(name, session.lstat(below(root, name))))
                    span = Span(0, min(1, obj.size))
                    _Reading(self, place, obj, span, lambda _: None).go_on(session)
                except _Elsewhere as error:
                    return [Problem(where=where, what=str(error), hint=_ELSEWHERE_HINT)]
                except (SourceChanged, Missing):
                    continue  # written or removed meanwhile: inventory will see what is there then
                return _undigested(where) if checked else []
        return _undigested(where) if checked else []

    # --- listing ---------------------------------------------------------------------------------

    def pages(self, place: Place, *, marker: str | None = None) -> Iterator[Page]:
        """List all files in byte order of their keys; the marker is the last key given."""
        page: list[ObjectInfo] = []
        after = key_bytes(marker) if marker else None
        with self._sessions.one(keep=False) as session:
            for seen in self._walk(session, place, self._held).files(after):
                page.append(_described(self._whole(session, place, seen)))
                if len(page) == self.page_size:
                    yield Page(objects=tuple(page), marker=page[-1].key)
                    page = []
                    session.begin()
        yield Page(objects=tuple(page), marker=None)

    def recount(self, place: Place) -> Iterator[Brief]:
        """List again with other bounds, each file described on its own; see `ports.Source`."""
        with self._sessions.one(keep=False) as session:
            root = self.root(session, place)
            some: list[ListedFile] = []
            for seen in self._walk(session, place, self._held // 3).files():
                some.append(seen)
                if len(some) == RECOUNT_AT_ONCE:
                    yield from _briefs(session, root, some)
                    some = []
                    session.begin()
            yield from _briefs(session, root, some)

    def untagged(self, place: Place) -> Untagged | None:
        """A directory has no tags to miss."""
        del place
        return None

    def notes(self, place: Place) -> Sequence[Note]:
        """Say what a file's version is worth, and what connections are secured with."""
        del place
        read = "its bytes are read once"
        if self._twice:
            read = "its bytes are read a second time when it is verified, and compared"
        weak = Note(Code.VERSION_BY_TIME, f"{_BY_TIME}; {read}; {_UNREAD}")
        return [weak, *(Note(Code.SSH_AGREED, agreed) for agreed in self._secured())]

    def _walk(self, session: Session, place: Place, held: int) -> FolderWalk:
        session.begin()
        root = self.root(session, place)

        def straight(key: bytes) -> bool:
            session.begin()
            return _is_at(session, root, key)

        return FolderWalk(session, root, straight, held=max(1, held))

    def _whole(self, session: Session, place: Place, seen: ListedFile) -> ListedFile:
        """Return a file with all its attributes, asking for them where the listing has not all."""
        if seen.attrs.is_whole:
            return seen
        return ListedFile(seen.key, session.lstat(below(self.root(session, place), seen.key)))

    # --- objects ---------------------------------------------------------------------------------

    def head(self, place: Place, key: str) -> ObjectInfo:
        """Describe one file as it is now."""
        with self._sessions.one() as session:
            session.begin()
            root = self.root(session, place)
            name = key_bytes(key)
            if not _is_at(session, root, name.rpartition(b"/")[0]):
                raise Missing("there is no such source file")
            return _described(ListedFile(name, session.lstat(below(root, name))))

    def listed(self, place: Place, key: str) -> ObjectInfo:
        """Describe one file as it is now, which is all that a listing tells."""
        return self.head(place, key)

    def read(
        self, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
    ) -> None:
        """Hand over the span if the file is still what was listed, before and after.

        When the session is cut it goes on in another, after the file was looked at again and what
        was handed over was read again and is the same.
        """
        if checked:
            raise Unsupported(NO_RANGE_DIGEST)
        reading, idle = _Reading(self, place, obj, span, write), 0
        for _ in range(RECONNECTS):
            before = reading.at
            try:
                with self._sessions.one() as session:
                    reading.go_on(session)
            except ConnectionLost:
                idle = 0 if reading.at > before else idle + 1
                if reading.in_write or not reading.at or idle > 1:
                    raise  # the retry layer knows how long to wait, and begins anew
            else:
                return
        raise ConnectionLost("the source's sessions are cut again and again")

    def root(self, session: Session, place: Place) -> bytes:
        """Return the server's own path of a directory, links on the way to it resolved.

        Raises:
            Missing: there is no such directory.
        """
        found = self._roots.get(place.bucket)
        if found is None:
            found = session.realpath(key_bytes(place.bucket))
            try:
                is_there = session.lstat(found).is_folder
            except Missing:
                is_there = False
            if not is_there:
                raise Missing("there is no such directory")
            found = self._roots[place.bucket] = found.rstrip(b"/")
        return found


@mutable_row
class _Reading:
    """One span on its way, in one session after another."""

    source: AzureSftpSource
    place: Place
    obj: ObjectInfo
    span: Span
    write: Write
    at: int = 0
    """How many bytes of the span were handed over."""
    in_write: bool = False
    _digest: Any = field(default_factory=hashlib.sha256)

    def go_on(self, session: Session) -> None:
        """Hand over what is missing.

        Raises:
            SourceChanged: the file is not what it was when it was listed, or is gone from there.
            BytesChanged: what was read before is not what is there now.
            ConnectionLost: the session was cut; go on in another.
        """
        session.begin(self.at + self.span.length)
        root, name = self.source.root(session, self.place), key_bytes(self.obj.key)
        path = below(root, name)
        asked, real = session.placed(path)
        if real != path:
            raise _Elsewhere("a source file's real path is another than it was listed under")
        # To open a pipe or a device may do something; to open what was just looked at does not.
        _same(asked, self.obj)
        handle = session.opened(path)
        self._compare(session, handle)
        self._copy(session, handle)
        _same(session.left(handle), self.obj)

    def _compare(self, session: Session, handle: bytes) -> None:
        """Read again what was handed over in an earlier session."""
        if not self.at:
            return
        _same(session.described(session.looking(handle)), self.obj)
        again, got = hashlib.sha256(), 0
        for data in session.read(handle, self.span.start, self.at):
            again.update(data)
            got += len(data)
        if got != self.at or again.digest() != self._digest.digest():
            _same(session.left(handle), self.obj)
            raise BytesChanged("the source gives other bytes than before its session was cut")

    def _copy(self, session: Session, handle: bytes) -> None:
        looking: int | None = session.looking(handle)  # which travels with the first reads
        for data in session.read(handle, self.span.start + self.at, self.span.length - self.at):
            if looking is not None:
                _same(session.described(looking), self.obj)
                looking = None
            self._digest.update(data)
            self.in_write = True
            with session.clock.stopped():
                self.write(data)
            self.in_write = False
            self.at += len(data)
        if looking is not None:
            _same(session.described(looking), self.obj)
        if self.at != self.span.length:
            _same(session.left(handle), self.obj)
            raise ShortRead("the source ends a file before the size that it tells")


def _undigested(where: str) -> list[Problem]:
    return [Problem(where=where, what=NO_RANGE_DIGEST, hint="use verify.source: again")]


def _is_at(session: Session, root: bytes, key: bytes) -> bool:
    """Say whether what a key stands for is where its name says, so that no link leads there."""
    path = below(root, key)
    return session.realpath(path) == path


def _same(attrs: Attrs, obj: ObjectInfo) -> None:
    if attrs.kind != "object":
        raise SourceChanged("a source file is another kind of thing now")
    if _version(attrs) != obj.version or attrs.size != obj.size:
        raise SourceChanged("a source file changed since inventory")


def _briefs(session: Session, root: bytes, some: Sequence[ListedFile]) -> Iterator[Brief]:
    """Describe each file on its own; what this listing says is a link or no file is one.

    There are servers that follow a link when they are asked about it alone.
    """
    asked = [one.key for one in some if one.attrs.kind == "object" or not one.attrs.is_whole]
    described = session.lstats([below(root, key) for key in asked])
    found = dict(zip(asked, described, strict=True))
    for one in some:
        attrs = found.get(one.key, one.attrs)
        if attrs is not None:
            yield Brief(key_text(one.key), _size(attrs), _version(attrs), attrs.kind, None)


def _version(attrs: Attrs) -> str:
    return f"{attrs.size:x}-{attrs.modified:x}"


def _size(attrs: Attrs) -> int:
    return (attrs.size or 0) if attrs.kind == "object" else 0


def _described(seen: ListedFile) -> ObjectInfo:
    attrs = seen.attrs
    return ObjectInfo(
        key=key_text(seen.key),
        size=_size(attrs),
        version=_version(attrs),
        modified=text_of(datetime.fromtimestamp(attrs.modified or 0, UTC)),
        kind=attrs.kind,
    )
