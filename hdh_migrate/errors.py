"""The error tree: every class carries its exit code and, where there is one, what to do next.

The retry layer looks at one class (`Transient`), the command line at one attribute
(`exit_code`), tests at types and fields; nobody looks at message text. Messages and hints are
free of object names, credentials and keys, so they may go to any log.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Literal, Self

FAILING_DISK = (
    "what was acknowledged is in the ledger; nothing more was written after the failure: look at"
    " the machine's own log, move the state directory to a sound disk, and run the same plan again"
)


class Exit(IntEnum):
    """The exit codes, each with what it means to who called (docs/operations.md)."""

    meaning: str

    def __new__(cls, code: int, meaning: str = "") -> Self:
        """Make a code that knows its meaning."""
        made = int.__new__(cls, code)
        made._value_ = code
        made.meaning = meaning
        return made

    OK = 0, "done, with nothing left open"
    UNEXPECTED = 1, "unexpected error"
    USAGE = 2, "wrong usage: an option or a value that does not fit"
    REFUSED = 3, "refused: a check of the plan, this machine or the host said no"
    FINDINGS = 4, "finished, with findings to look at"
    VERIFICATION_FAILED = 5, "what the target holds is not what was sent, or could not be read"
    DRIFTED = 6, "the source changed meanwhile"
    STOPPED = 7, "stopped cleanly; the same command goes on"
    APPROVAL_MISSING = 8, "an approval is missing"
    AUTH = 9, "a credential is refused, or lacks a right"
    DAMAGED = 10, "ledger or evidence is damaged"
    LOCKED = 11, "another command holds the ledger, or another ledger the target"
    INTERRUPTED = 130, "interrupted; the same command goes on"


class MigrateError(Exception):
    """Something the tool can explain: a line for people, a hint, an exit code."""

    exit_code: Exit = Exit.UNEXPECTED
    default_hint: str | None = None
    journalled: str | None = None
    """What a journal says instead of the message, which may hold what must not be kept."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint if hint is not None else self.default_hint

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes (Dask's, for one) as it is, whatever made it was given."""
        return _revived, (type(self), self.args, self.__dict__)


def _revived(
    kind: type[MigrateError], arguments: tuple[object, ...], rest: dict[str, object]
) -> MigrateError:
    made = kind.__new__(kind, *arguments)
    made.__dict__.update(rest)
    return made


class MalformedMessage(MigrateError):
    """Another process of this tool said what is no message, or none that it may send."""

    default_hint = "nothing is lost; run the same plan again, and report this as a fault"

    def __init__(self, what: str) -> None:
        super().__init__(f"a message between processes of this tool is malformed: {what.strip()}")


class UsageError(MigrateError):
    """The command was called with values that cannot work together."""

    exit_code = Exit.USAGE
    default_hint = "--help tells what the verb takes"


# --- plans ---------------------------------------------------------------------------------


class PlanError(MigrateError):
    """The plan is refused; no endpoint was contacted and nothing was written."""

    exit_code = Exit.REFUSED


class PlanInvalid(PlanError):
    """The plan has problems, all of them listed, each with file:line:column."""

    def __init__(self, problems: Sequence[str], *, hint: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems), hint=hint)


class PlanChanged(PlanError):
    """The plan changes what a batch was bound to when its inventory began.

    `changes` name the field, the batch that binds it, and what can be done.
    """

    def __init__(self, changes: Sequence[str]) -> None:
        self.changes = tuple(changes)
        super().__init__(
            "the plan changes what a batch that has begun is bound to:\n"
            + "\n".join(f"  {line}" for line in self.changes),
            hint='what was moved is untouched; "hdh-migrate plan diff PLAN" shows every change, its'
            " class and the verb that can do it",
        )


class Refused(MigrateError):
    """Preflight or inventory refuses to go on; every blocker is listed at once."""

    exit_code = Exit.REFUSED

    def __init__(
        self, message: str, *, blockers: Sequence[str] = (), hint: str | None = None
    ) -> None:
        self.blockers = tuple(blockers)
        super().__init__("\n".join((message, *(f"  {b}" for b in self.blockers))), hint=hint)


class NotAsPlanned(Refused):
    """Objects of one batch cannot be moved as planned; the other batches may be."""


class TooEarly(Refused):
    """No batch that is asked for may be moved yet; `until` is in seconds since 1970."""

    def __init__(self, message: str, *, until: float) -> None:
        super().__init__(
            message,
            hint="nothing was done; run the same plan again at that time, or let `run --wait` wait"
            " for it",
        )
        self.until = until


class LedgerBehind(Refused):
    """The ledger does not know all that was moved: it is an old copy, or made anew."""

    def __init__(self, message: str, *, blockers: Sequence[str] = ()) -> None:
        super().__init__(
            message,
            blockers=blockers,
            hint="nothing there was touched. Put the newest copy of the ledger in its place"
            " (hdh-migrate docs operations), or let it take over what it lacks:"
            ' "hdh-migrate adopt PLAN [--bundle DIR]"',
        )


class ClocksDiffer(Refused):
    """The clocks of this machine, of the endpoints and of the journal do not agree.

    `problems` are the blockers as they were found, each a `model.Problem`. `until`: when they agree
    by themselves, where nothing is in the way but the time of the journal's last event; RFC 3339.
    """

    def __init__(
        self,
        message: str,
        *,
        problems: Sequence[Any],
        hint: str | None = None,
        until: str | None = None,
    ) -> None:
        self.problems, self.until = tuple(problems), until
        super().__init__(message, blockers=[str(one) for one in problems], hint=hint)


# --- storage -------------------------------------------------------------------------------


class StorageError(MigrateError):
    """What leaves a source or target adapter is one of these; the cause is chained."""

    code: str = ""
    """What the store itself calls it; empty when it does not say, or was not reached."""


class Transient(StorageError):
    """May work when tried again; the only class that the retry layer retries."""

    exit_code = Exit.STOPPED
    default_hint = "nothing is lost; give the same command again to go on"

    def __init__(
        self, message: str, *, retry_after: float | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Throttled(Transient):
    """The store asks for fewer requests (429, 503 SlowDown); `retry_after` is in seconds."""


class ConnectionLost(Transient):
    """No whole reply arrived: refused, reset, timed out or stalled."""


class ShortRead(Transient):
    """A reply was not what was asked for: wrong status, range, version or length."""


class Permanent(StorageError):
    """Trying again without a change changes nothing."""

    exit_code = Exit.REFUSED


class HostRefused(Permanent):
    """The host is not the right one: its address, its certificate or its key. The run stops."""

    default_hint = "nothing was sent there; when the host is the right one, give the command again"


class Missing(Permanent):
    """There is no such object, bucket, container or upload."""

    exit_code = Exit.FINDINGS


IF_IT_HAS = (
    "if it has it: a right takes minutes to work, a policy of the bucket may leave the credential"
    " out, or its key may be of another project"
)
"""What hosts say in the same words as of a right that is missing."""


class AccessDenied(Permanent):
    """The credential is valid but may not do this."""

    exit_code = Exit.AUTH


class AuthFailed(Permanent):
    """The credential itself is refused (expired, revoked, wrong): the whole run pauses."""

    exit_code = Exit.AUTH
    default_hint = (
        "renew the credential, or grant the right that it lacks, and give the same command again;"
        " nothing is lost"
    )


class SignatureRefused(AuthFailed):
    """The signature of one request is refused: a wrong secret, or a key the host cannot sign."""


class TimeRefused(AuthFailed):
    """A host judges requests by their time, and this machine's clock is not its own.

    It ends as `ClocksDiffer` does: no credential needs to be renewed.
    """

    exit_code = Exit.REFUSED
    default_hint = (
        "set this machine's clock (NTP) and give the same command again; the credential may be"
        " good, and nothing is lost"
    )


def of_access(error: MigrateError) -> bool:
    """Return whether a credential is refused, or lacks a right: somebody has to renew or grant."""
    return isinstance(error, AccessDenied | AuthFailed) and not isinstance(error, TimeRefused)


class TargetFull(Permanent):
    """The target takes no more bytes, of anybody with this credential: the whole run stops."""

    exit_code = Exit.STOPPED
    default_hint = (
        "nothing is lost: free room there or have the quota raised, then give the same command"
        " again"
    )


class SourceChanged(Permanent):
    """The source object is no longer the version that inventory pinned."""

    exit_code = Exit.DRIFTED


class BytesChanged(SourceChanged):
    """The source gave other bytes than before under one version: a lie, or a store that errs."""


class Conflict(Permanent):
    """The target already holds a different object under this key; it was not touched."""

    exit_code = Exit.FINDINGS


class OutOfOrder(Conflict):
    """What is current under a key is not what comes before the version that was to be sent."""


class ClaimDiffers(Permanent):
    """The source's checksum of an object is not that of the bytes it gives, read twice."""

    exit_code = Exit.FINDINGS


class Unsupported(Permanent):
    """The store does not offer what was asked."""


class ObjectArchived(Unsupported):
    """The source keeps an object in its archive tier: it is not read before it is brought back."""


class ListingBroken(Permanent):
    """A listing contradicts itself or ends without saying so; none of it is believed."""

    default_hint = "nothing was moved on the strength of this listing; check the endpoint and retry"


# --- cutover -------------------------------------------------------------------------------


class PointerMoved(Permanent):
    """The pointer is neither what was expected nor what it should become; it is left as it is."""

    default_hint = "somebody else changed it: find out who, then start again from its value now"
    journalled = "the pointer has neither its old value nor the new one"


class CommandFailed(Permanent):
    """A pointer's command ended badly; its `check` tells where the pointer stands."""

    exit_code = Exit.STOPPED
    default_hint = (
        "fix the pointer's command, then give the same command again; the pointer is read first"
    )
    journalled = "a program of the pointer ended badly; what it said is not kept"


class CommandTooLong(Transient):
    """A pointer's command took too long and was ended; its `check` tells where it stands."""

    journalled = "a program of the pointer took too long and was ended; what it said is not kept"


class CommandIdle(CommandFailed):
    """A pointer's command ended well, and its `check` tells that it did nothing."""

    journalled = "a program of the pointer ended well, and the pointer is what it was"


class HostKeyRefused(HostRefused):
    """The machine does not have the pinned host key; nothing was sent, no login was tried."""

    default_hint = (
        "ask the machine's administrator for its fingerprint, by another way than this network"
    )


class ApprovalMissing(MigrateError):
    """Those who must agree have not, or not to this plan and this manifest."""

    exit_code = Exit.APPROVAL_MISSING


class SourceWritten(MigrateError):
    """The source is not frozen: it changed while a cutover was being prepared."""

    exit_code = Exit.DRIFTED
    default_hint = "stop the writers, then start again; nothing was switched"


class SmokeFailed(MigrateError):
    """The pointer is switched, and what consumers now find is not what was verified."""

    exit_code = Exit.VERIFICATION_FAILED


class TargetDiffers(MigrateError):
    """The target no longer holds what was verified, so nothing is built on it."""

    exit_code = Exit.VERIFICATION_FAILED


# --- ledger --------------------------------------------------------------------------------


class LedgerError(MigrateError):
    """The ledger cannot be used."""

    exit_code = Exit.DAMAGED


class LedgerDamaged(LedgerError):
    """The ledger's pages, chain or rows do not check; it is not written to."""

    default_hint = (
        "keep the file as it is and restore a copy (hdh-migrate docs operations); what the target"
        " holds is untouched"
    )


class LedgerTooNew(LedgerError):
    """The ledger was written by a later version of this tool."""

    default_hint = "use the version that wrote it, or a later one"


class LedgerLocked(LedgerError):
    """Another run holds this migration's ledger."""

    exit_code = Exit.LOCKED
    default_hint = 'wait for it to end, or look with "hdh-migrate status PLAN"'


class Fenced(MigrateError):
    """Another ledger, or another copy of this one, is the one that writes at the target."""

    exit_code = Exit.LOCKED
    default_hint = (
        "nothing more was written; only one may write: let that one go on. If it is gone for good,"
        ' "hdh-migrate adopt PLAN" takes over what it moved, and then "hdh-migrate fence PLAN'
        ' --take-over --reason TEXT" makes this one the writer'
    )


class LedgerWithheld(LedgerError):
    """The ledger, or a file beside it, may not be opened or written here; nothing is damaged."""

    exit_code = Exit.UNEXPECTED


class NoSpace(LedgerError):
    """The disk under the state directory is full; the last batch was rolled back."""

    exit_code = Exit.STOPPED
    default_hint = "make room and give the same command again; nothing is lost"


class BackupFailed(MigrateError):
    """A copy of the ledger was not made, or an older one not removed; the ledger is untouched."""


# --- sealing and evidence ------------------------------------------------------------------


class KeyUnavailable(MigrateError):
    """A key file is missing, unreadable, too open to others, or its passphrase is wrong."""

    exit_code = Exit.REFUSED


class UnsealFailed(MigrateError):
    """The sealed bytes do not open as the whole object they claim to be."""

    exit_code = Exit.VERIFICATION_FAILED


class PackDamaged(MigrateError):
    """A grant's pack is not whole, or not the one that its statement is about."""

    exit_code = Exit.DAMAGED
    default_hint = "use nothing of it; ask whoever gave the grant for it again"


class NotAsGranted(MigrateError):
    """What the host gives is not what a grant is about: replaced, moved, cut, damaged or gone."""

    exit_code = Exit.VERIFICATION_FAILED
    default_hint = "use nothing of it, and tell whoever gave the grant"


class EvidenceDamaged(MigrateError):
    """Ledger and evidence contradict each other; no report is made from them."""

    exit_code = Exit.DAMAGED


# --- stops ---------------------------------------------------------------------------------


class Stopped(MigrateError):
    """The run stopped cleanly and goes on when the same plan is run again."""

    exit_code = Exit.STOPPED
    default_hint = "give the same command again to go on"


class Interrupted(Stopped):
    """A signal asked the run to stop; everything acknowledged is in the ledger."""

    exit_code = Exit.INTERRUPTED


class HeldUp(Stopped):
    """The hours of the plan, or somebody at another terminal, let a run go no further for now."""

    why: Literal["window", "pause"] = "window"
    until: str | None = None
    """When it may go on, RFC 3339 in UTC; None: nobody knows."""


class OutsideWindows(HeldUp):
    """No window of the plan is open."""

    default_hint = (
        "nothing is lost; run the same plan again then; `run --wait` waits and goes on by itself"
    )

    def __init__(self, message: str, *, until: str | None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.until = until


class RunPaused(HeldUp):
    """Somebody paused the run, or the next one."""

    why: Literal["window", "pause"] = "pause"
    under_way = False
    """Whether the run was at work when it was paused."""
    default_hint = (
        'nothing is lost; "hdh-migrate resume PLAN" lets it go on; `run --wait` waits for that'
    )


class PermitEnded(Stopped):
    """What let a run begin holds no more: an attestation, a legal basis or a waiver has ended."""

    default_hint = (
        "nothing is lost, and nothing more is sent; mend what is named, then run the same plan"
        " again: until then it is refused"
    )


class Starved(Stopped):
    """This machine gives no more memory, threads, processes or open files."""

    default_hint = (
        "nothing is lost; give more memory, processes or files, or lower engine.processes and"
        " engine.connections, then run the same plan again"
    )


class SwitchHeld(Stopped):
    """Somebody holds the switch; everything before it is done."""

    default_hint = 'end the hold with "hdh-migrate hold PLAN --release", then run the same again'
