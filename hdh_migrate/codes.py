"""Every code that a finding can have, with all that is known of it: a new code is one member here.

Its words for readers of the report, in both languages (the message of a finding is English), the
row of docs/operations.md that tells operators what to do, how grave it is, which step finds it, and
how a run ends while one is open. `python -m hdh_migrate.plan.reference` writes the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, Literal, Self

from hdh_migrate.errors import Exit
from hdh_migrate.frozen import frozen, frozen_row

Found = Literal["inventory", "transfer", "verify", "cutover", "decommission"]
"""Which step finds it; the relisting of a cutover is an inventory."""


class Severity(StrEnum):
    """How grave a finding is."""

    BLOCKER = "blocker"
    """The batch is not moved."""
    FINDING = "finding"
    """Something is not as planned: told by the exit code, and kept from a cutover until waived."""
    NOTE = "note"
    """Worth knowing; nothing waits for it."""


@frozen_row
class Remedy:
    """What is said to an operator who has such a finding: what is safe, and what to do next."""

    safe: str
    next: str
    """One sentence; it names a verb as `hdh-migrate VERB`."""


@frozen
class CodeFacts:
    """What is known of a code."""

    fr: str
    en: str
    row: str
    """The text for operators; codes with the same text share a row."""
    found: Found
    severity: Severity
    exit: Exit
    """How `run` ends while such a finding is open."""
    remedy: Remedy


_Member = tuple[str, CodeFacts]


def _blocker(code: str, row: str, remedy: Remedy, *, fr: str, en: str) -> _Member:
    return code, CodeFacts(
        fr=fr, en=en, row=row, found="inventory", severity=Severity.BLOCKER, exit=Exit.REFUSED,
        remedy=remedy,
    )  # fmt: skip


def _finding(
    code: str, found: Found, row: str, remedy: Remedy, *, fr: str, en: str,
    ends: Exit = Exit.FINDINGS,
) -> _Member:  # fmt: skip
    severity = Severity.FINDING
    return code, CodeFacts(
        fr=fr, en=en, row=row, found=found, severity=severity, exit=ends, remedy=remedy
    )


def _unlike(code: str, row: str, remedy: Remedy, *, fr: str, en: str) -> _Member:
    """Describe why verify did not find an object as it was sent."""
    return _finding(code, "verify", row, remedy, fr=fr, en=en, ends=Exit.VERIFICATION_FAILED)


def _in_verify(reason: _Member, remedy: Remedy, row: str | None = None) -> _Member:
    """Describe the finding of verify for a reason: the same words, perhaps another row."""
    code, about = reason
    return _unlike(f"verify-{code}", row or about.row, remedy, fr=about.fr, en=about.en)


def _note(code: str, found: Found, row: str, remedy: Remedy, *, fr: str, en: str) -> _Member:
    return code, CodeFacts(
        fr=fr, en=en, row=row, found=found, severity=Severity.NOTE, exit=Exit.OK, remedy=remedy
    )


_NAME = "refused before a byte moves: exclude it (`amend`), or rename it at the source"
_KIND = "not a plain readable object; not moved"
_UNSENT = "the object was not sent, and why"
_UNLIKE = "what the target holds is not what was sent, or could not be read"
_UNANSWERED = (
    "this object used up its retry budget twice while others went on; the next run tries it again"
)
_MD5 = (
    "the source's Content-MD5 is not that of the bytes it gives, read twice; not moved, or not"
    " verified (see `ignore_md5`)"
)
_CHANGED = (
    "the source has another version of it now than the one that was sent (`verify.source: again`):"
    " the next run moves the object as it is now"
)
_DIFFERS = (
    "the source gave other bytes when it was read again during verify (`verify.source: again`)"
)
_TAGS = (
    "the object's tags at the target are not those of the source; or the target does not show them"
    " (the reading credential needs `s3:GetObjectTagging`)"
)
_KEPT = "not deleted at the source, and why ([cutover](cutover.md))"
_UNHELD = (
    "not deleted at the source, for the target does not hold it as it was verified"
    " (`decommission` ends with 5)"
)
_UNSEEN = (
    "`verify --again` could not read a verified object, or has nothing to compare it with; every"
    " later look tries it again"
)
_NOTED = "noted by inventory"

_NOT_SENT = "nothing was deleted at the source; nothing of it counts as moved"
_NOT_PROVEN = "nothing was deleted at the source; it does not count as verified"
_MOVED = "its bytes are moved or will be, and are verified like all others"
_STILL_THERE = "the source keeps it; nothing of it was deleted"
_WAIVE = '"hdh-migrate waive PLAN --what finding.'
_AMEND = '"hdh-migrate amend PLAN --batch NAME --reason TEXT --execute"'
_SIGNED = "--until DAY --key FILE --reason TEXT"
_SHOW = 'see "hdh-migrate ls PLAN --show-names --code '
_RETRY = '"hdh-migrate run PLAN" tries it again'


def _retried(code: str, what: str) -> str:
    return f'"hdh-migrate run PLAN --retry-failed --code {code}" {what}'


def _waived(code: str, first: str = "") -> str:
    return f'{first}{_WAIVE}{code} {_SIGNED}" accepts it, signed and until a day'


def _unnamed(code: str, besides: str = "") -> Remedy:
    return Remedy(
        "it was not moved",
        f'{_SHOW}{code}", and exclude it in the plan ({_AMEND} takes that),'
        f"{besides}"
        ' or rename it at the source ("hdh-migrate run PLAN --refresh" lists it again): no run'
        " begins this batch with it",
    )


def _left(code: str) -> Remedy:
    return Remedy(
        "nothing was deleted at the source; the others of its dataset are moved",
        'make a plain object of it at the source, and "hdh-migrate run PLAN" looks again; or'
        f" {_waived(code)}",
    )


_LOOK_LATER = Remedy(
    "nothing was changed at the target",
    "grant the credential that reads its right, or bring the object out of the archive, if that is"
    ' what is missing; then look again: "hdh-migrate verify PLAN --again"',
)
_NOTHING = Remedy(_MOVED, 'nothing need be done; "hdh-migrate report PLAN" tells of it')


class Code(StrEnum):
    """What a finding is called: in the ledger, in evidence, in `--json` and in waivers.

    The reason for which an object failed is a code, too; what verify found wrong is told as
    `verify-` and that reason.
    """

    about: CodeFacts

    def __new__(cls, value: str, about: CodeFacts | None = None) -> Self:
        """Make a member from its text and what is known of it; without that there is none."""
        assert about is not None, f"nothing is known of {value}"
        made = str.__new__(cls, value)
        made._value_ = value
        made.about = about
        return made

    # fmt: off
    # --- what cannot be moved as planned -------------------------------------------------------
    KEY_TOO_LONG = _blocker(
        "key-too-long", _NAME,
        _unnamed("key-too-long"),
        fr="nom trop long pour la cible", en="name too long for the target",
    )
    KEY_CONTROL = _blocker(
        "key-control", _NAME,
        _unnamed("key-control", ' with "?" in its glob for each such character,'),
        fr="caractère de contrôle dans le nom", en="control character in the name",
    )
    KEY_DOT_SEGMENT = _blocker(
        "key-dot-segment", _NAME,
        _unnamed("key-dot-segment"),
        fr="segment « . » ou « .. » dans le nom", en="“.” or “..” segment in the name",
    )
    KEY_NOT_UTF8 = _blocker(
        "key-not-utf8", _NAME,
        _unnamed("key-not-utf8"),
        fr="nom qui n'est pas du texte UTF-8", en="name that is not UTF-8 text",
    )
    KEY_RESERVED = _blocker(
        "key-reserved", _NAME,
        _unnamed("key-reserved"),
        fr="nom que l'outil se réserve sur la cible", en="name the tool keeps for itself there",
    )
    TOO_LARGE = _blocker(
        "too-large", _NAME,
        _unnamed("too-large"),
        fr="objet plus grand que ce que la cible prend", en="larger than the target takes",
    )
    COLLISION = _blocker(
        "collision", _NAME,
        _unnamed("collision", " keep both (`collisions: keep`, with a `collisions_reason`),"),
        fr="nom égal à un autre, à la casse ou à l'écriture des accents près",
        en="name equal to another but for case or the spelling of accents",
    )
    LEASED_FOR_EVER = _blocker(
        "leased-for-ever", "held at the source by a lease without end: somebody is likely to write",
        Remedy(
            "it was not moved, and nothing of its batch was",
            'end the lease at the source, and "hdh-migrate run PLAN" looks again; or give a reason'
            " in the dataset's `allow_leased` and take it over with"
            f" {_AMEND}",
        ),
        fr="bail sans fin à la source : quelqu'un y écrit sans doute encore",
        en="lease without end at the source: somebody is likely to write still",
    )
    FREEZE_TRIAL_LEFT = _blocker(
        "freeze-trial-left",
        "an empty object that a killed freeze trial left; no byte of its batch moves before it is"
        " gone",
        Remedy(
            "it was not moved, and nothing of its batch was",
            'remove it at the source, then "hdh-migrate run PLAN --refresh" finds it no more; if it'
            " is somebody's own, give it another name there, or exclude it in the plan"
            f" ({_AMEND} takes that)",
        ),
        fr="objet vide laissé à la source par un essai d'écriture interrompu",
        en="empty object that a freeze trial, cut short, left at the source",
    )
    KIND_SYMLINK = _finding(
        "kind-symlink", "inventory", _KIND,
        _left("kind-symlink"),
        fr="lien symbolique, non suivi ni déplacé", en="symbolic link, not followed",
    )
    KIND_SPECIAL_FILE = _finding(
        "kind-special-file", "inventory", _KIND,
        _left("kind-special-file"),
        fr="ni fichier ni lien (tube, périphérique...), non déplacé",
        en="neither a file nor a link (a pipe, a device...), not moved",
    )
    KIND_DIRECTORY = _finding(
        "kind-directory", "inventory", _KIND,
        _left("kind-directory"),
        fr="marque de dossier à la source, non déplacée",
        en="folder marker at the source, not moved",
    )
    KIND_ARCHIVED = _finding(
        "kind-archived", "inventory",
        "archived blobs: count what bringing them back takes with `rehydrate`, then `rehydrate"
        " --execute`",
        Remedy(
            "nothing was deleted at the source; the others of its dataset are moved",
            '"hdh-migrate rehydrate PLAN" counts them, with hours and cost, and with --execute'
            f' brings them back and moves them; or {_waived("kind-archived")}',
        ),
        fr="blob archivé, illisible en l'état", en="archived blob, unreadable as it is",
    )
    KIND_APPEND_BLOB = _finding(
        "kind-append-blob", "inventory", _KIND,
        _left("kind-append-blob"),
        fr="blob d'ajout, non déplacé", en="append blob, not moved",
    )
    KIND_PAGE_BLOB = _finding(
        "kind-page-blob", "inventory", _KIND,
        _left("kind-page-blob"),
        fr="blob de pages, non déplacé", en="page blob, not moved",
    )
    KIND_UNKNOWN_BLOB_TYPE = _finding(
        "kind-unknown-blob-type", "inventory", _KIND,
        _left("kind-unknown-blob-type"),
        fr="blob d'un type inconnu, non déplacé", en="blob of an unknown type, not moved",
    )
    KIND_CUSTOMER_KEY = _finding(
        "kind-customer-key", "inventory", _KIND,
        _left("kind-customer-key"),
        fr="blob chiffré par une clé du client, illisible sans elle",
        en="blob encrypted with a customer's key, unreadable without it",
    )
    KIND_VERSION_LOST = _finding(
        "kind-version-lost", "inventory",
        "the plan wants it as of a moment, and the source kept no version of what it held then"
        " ([fidelity](fidelity.md))",
        Remedy(
            "nothing was deleted at the source; the others of its dataset are moved",
            "if a backup has it, put it there as a dataset of its own; or"
            f" {_waived('kind-version-lost')}",
        ),
        fr="version du moment voulu non conservée à la source",
        en="the source did not keep the version of the moment that is wanted",
    )
    KIND_VERSION_DELETED = _finding(
        "kind-version-deleted", "inventory",
        "the plan wants it as of a moment, and somebody deleted the version of then, which cannot"
        " be read ([fidelity](fidelity.md))",
        Remedy(
            "nothing was deleted at the source; the others of its dataset are moved",
            'undelete it there (Undelete Blob) while it lasts, then "hdh-migrate run PLAN'
            f' --refresh"; or {_waived("kind-version-deleted")}',
        ),
        fr="version du moment voulu supprimée à la source, illisible en l'état",
        en="the version of the moment that is wanted was deleted, unreadable as it is",
    )
    KIND_OTHER = _finding(
        "kind-other", "inventory", _KIND,
        _left("kind-other"),
        fr="objet d'une sorte que ce logiciel ne connaît pas, non déplacé",
        en="object of a kind that this software does not know, not moved",
    )
    # --- why an object was not sent, or not verified -------------------------------------------
    MISSING = _finding("missing", "transfer", _UNSENT,
        Remedy(
            "nothing of it counts as moved, and the run deleted nothing at the source",
            '"hdh-migrate run PLAN --refresh" settles it: when it is gone for good, it counts as'
            f" left behind and holds nothing back; when it is back, {_RETRY}",
        ),
        fr="absent", en="missing")
    DRIFTED = _finding(
        "drifted", "transfer", _UNSENT,
        Remedy(_NOT_SENT, f"let nobody write to it meanwhile; {_RETRY} as it is then"),
        fr="modifié à la source pendant le transfert",
        en="changed at the source meanwhile", ends=Exit.DRIFTED,
    )
    DENIED = _finding(
        "denied", "transfer", _UNSENT,
        Remedy(
            _NOT_SENT,
            'grant the credential its right, which "hdh-migrate preflight PLAN" looks for; then '
            f"{_RETRY}",
        ),
        fr="accès refusé à cet objet", en="access to this object denied",
    )
    UNREADABLE = _finding(
        "unreadable", "transfer", _UNSENT,
        Remedy(_NOT_SENT, f"the store, or what stands before it, answers wrongly; {_RETRY}"),
        fr="réponse illisible ou tronquée", en="reply unreadable or cut short",
    )
    REFUSED = _finding("refused", "transfer", _UNSENT,
        Remedy(_NOT_SENT, f"mend what the message names; {_RETRY}"),
        fr="refusé", en="refused")
    CONFLICT = _finding(
        "conflict", "transfer", _UNSENT,
        Remedy(
            "what the target holds under its key is somebody else's and was not touched; the "
            "source keeps ours",
            "find out whose it is and move it away, or go on with the ledger that sent it; then "
            + _retried("conflict", "sends ours"),
        ),
        fr="la cible contient déjà un autre objet", en="the target holds another object",
    )
    VERSION_ORDER = _finding(
        "version-order", "transfer",
        "this version of a blob was not sent: at the target it would stand in another order than"
        " at the source ([fidelity](fidelity.md))",
        Remedy(
            "nothing was deleted or overwritten; the versions that are at the target stay verified",
            "to have all of them in their order, move the dataset anew under another target prefix"
            " by a plan of its own; or " + _waived("version-order"),
        ),
        fr="versions qui ne sont pas, ou ne seraient pas, sur la cible dans l'ordre de la source",
        en="versions that are not, or would not be, at the target in the order of the source",
    )
    VERSION_WAITS = _finding(
        "version-waits", "transfer",
        "this version of a blob was not sent, for one before it could not be"
        " ([fidelity](fidelity.md))",
        Remedy(
            _NOT_SENT,
            "mend what keeps the version before it, or leave that one out (`exclude`, then"
            f" {_AMEND}); then {_RETRY}",
        ),
        fr="version en attente d'une version antérieure du même blob",
        en="version that waits for an earlier one of the same blob",
    )
    WORKER_LOST = _finding(
        "worker-lost", "transfer", _UNSENT,
        Remedy(_NOT_SENT, f"give the machine more memory or lower `limits.memory`; then {_RETRY}"),
        fr="processus arrêtés par cet objet", en="processes that died with this object",
    )
    UPLOAD_DROPPED = _finding(
        "upload-dropped", "transfer",
        "the target gave up the upload of a large object before it was complete; the next run"
        " begins it anew",
        Remedy(_NOT_SENT, f"{_RETRY}, from its first byte"),
        fr="envoi interrompu par la cible", en="upload dropped by the target",
    )
    UNANSWERED = _finding(
        "unanswered", "transfer", _UNANSWERED,
        Remedy(_NOT_SENT, f"{_RETRY}; when it stays so, tell the host"),
        fr="pas de réponse pour cet objet, alors que l'hôte répond",
        en="no answer for this object, while its host does answer",
    )
    VERIFY_UNANSWERED = _in_verify(
        UNANSWERED,
        Remedy(_NOT_PROVEN, f"{_RETRY}; when it stays so, tell the host"),
    )
    RULE_UNUSED = _finding(
        "rule-unused", "inventory",
        "a rule of `include` or `exclude` matches no object: mend it, or set `allow_unused: true`"
        " on it (`amend`)",
        Remedy(
            "everything else is moved as the plan says",
            _waived(
                "rule-unused",
                "look whether the rule means what you think; mend it, or set `allow_unused`, in the"
                f" plan ({_AMEND}), or ",
            ),
        ),
        fr="règle du plan qui n'a touché aucun objet",
        en="a rule of the plan that matched no object",
    )
    REPORT_DIFFERS = _finding(
        "report-differs", "inventory",
        "the source's own report and the inventory differ in objects older than the report:"
        " `--refresh`, then compare with a newer report",
        Remedy(
            "nothing is moved by a report; what is moved is what was listed twice",
            _waived(
                "report-differs",
                'list the source again ("hdh-migrate inventory PLAN --refresh"), compare again with'
                " a newer report, or ",
            ),
        ),
        fr="le rapport d'inventaire de la source dit autre chose que l'inventaire",
        en="the source's own inventory report says other than the inventory",
    )
    KEYS_LACKING = _finding(
        "keys-lacking", "inventory",
        "keys of a list (`keys_from`) are not at the source: mend the list, or set `allow_unused:"
        " true` on its rule (`amend`)",
        Remedy(
            "everything else is moved as the plan says",
            _waived(
                "keys-lacking",
                "look the keys up at the places that are named; mend the list or set `allow_unused`"
                f" in the plan ({_AMEND}), or ",
            ),
        ),
        fr="clés d'une liste que la source n'a pas",
        en="keys of a list that the source does not have",
    )
    VERIFY_MISMATCH = _unlike(
        "verify-mismatch", _UNLIKE,
        Remedy(_NOT_PROVEN, f"{_RETRY}: it asks the target first and replaces only what is ours"),
        fr="les octets relus diffèrent", en="the bytes read back differ",
    )
    VERIFY_REPLACED = _unlike(
        "verify-replaced", _UNLIKE,
        Remedy(
            "what somebody put there was not touched; nothing was deleted at the source",
            "find out who replaced it and move that away; then "
            + _retried("verify-replaced", "sends ours anew"),
        ),
        fr="remplacé sur la cible depuis l'envoi", en="replaced at the target since sent",
    )
    VERIFY_MISSING = _in_verify(
        MISSING,
        Remedy(
            _NOT_PROVEN,
            "find out who deleted it at the target; then "
            + _retried("verify-missing", "sends it anew"),
        ), _UNLIKE,
    )
    VERIFY_UNREADABLE = _in_verify(
        UNREADABLE,
        Remedy(
            _NOT_PROVEN,
            f"the target, or what stands before it, answers wrongly; {_RETRY}",
        ), _UNLIKE,
    )
    VERIFY_DENIED = _in_verify(
        DENIED,
        Remedy(
            _NOT_PROVEN,
            'grant the reading credential its right, which "hdh-migrate preflight PLAN" looks '
            f"for; then {_RETRY}",
        ), _UNLIKE,
    )
    VERIFY_REFUSED = _in_verify(
        REFUSED,
        Remedy(_NOT_PROVEN, f"mend what the message names; {_RETRY}"), _UNLIKE,
    )
    VERIFY_KIND_ARCHIVED = _in_verify(
        KIND_ARCHIVED,
        Remedy(
            _NOT_PROVEN,
            'bring it back ("hdh-migrate rehydrate PLAN" counts them, with hours and cost); then'
            f" {_RETRY}",
        ), _UNLIKE,
    )
    VERIFY_CONFLICT = _in_verify(
        CONFLICT,
        Remedy(
            "what the target holds there was not touched; nothing was deleted at the source",
            "find out whose it is and move it away; then "
            + _retried("verify-conflict", "sends ours"),
        ), _UNLIKE,
    )
    VERIFY_WORKER_LOST = _in_verify(
        WORKER_LOST,
        Remedy(
            _NOT_PROVEN,
            f"give the machine more memory or lower `limits.memory`; then {_RETRY}",
        ), _UNLIKE,
    )
    VERIFY_VERSION_ORDER = _in_verify(
        VERSION_ORDER,
        Remedy(
            "nothing was deleted; each version's bytes are compared by themselves",
            "move the dataset anew under another target prefix by a plan of its own; or "
            + _waived("verify-version-order"),
        ),
        "the target lists the versions of a blob in another order than the source, or not all of"
        " them ([fidelity](fidelity.md))",
    )
    VERSION_FOREIGN = _finding(
        "version-foreign", "verify",
        "the target lists versions, or deletes, of the dataset's blobs that are none of this"
        " migration ([fidelity](fidelity.md))",
        Remedy(
            "nothing was overwritten; every version of the manifest is there and is verified",
            "find out who writes to the bucket; or " + _waived("version-foreign"),
        ),
        fr="versions étrangères à cette migration parmi celles de la cible",
        en="versions of somebody else's among those at the target",
    )
    VERSION_TWICE = _note(
        "version-twice", "verify",
        "attempts that were cut off left versions at the target, each right before the one that"
        " counts ([fidelity](fidelity.md))",
        Remedy(
            "every version of the manifest is there, verified, and in its order",
            'delete what is left by its version id, if it is in the way: what "hdh-migrate report'
            ' PLAN" does not list is left',
        ),
        fr="versions laissées sur la cible par des tentatives interrompues",
        en="versions left at the target by attempts that were cut off",
    )
    SOURCE_MD5_DIFFERS = _finding(
        "source-md5-differs", "transfer", _MD5,
        Remedy(
            _NOT_SENT,
            "compare it with another copy, for the source contradicts itself; once it is mended "
            f"there, {_RETRY}",
        ),
        fr="le MD5 annoncé par la source n'est pas celui de ses octets",
        en="the MD5 that the source claims is not that of its bytes",
    )
    VERIFY_SOURCE_MD5_DIFFERS = _in_verify(
        SOURCE_MD5_DIFFERS,
        Remedy(
            _NOT_PROVEN,
            "compare it with another copy, for the source contradicts itself; once it is mended "
            f"there, {_RETRY}",
        ),
    )
    SOURCE_BYTES_DIFFER = _finding(
        "source-bytes-differ", "transfer",
        "the source gave other bytes for a part than before, under the same version (ETag); the"
        " object was begun anew: find out why, or waive `finding.source-bytes-differ`",
        Remedy(
            "the object was begun anew under another data key",
            _waived("source-bytes-differ", "find out why the source gave other bytes; then "),
        ),
        fr="la source a donné d'autres octets sous la même version",
        en="the source gave other bytes under the same version",
    )
    VERIFY_SOURCE_CHANGED = _unlike(
        "verify-source-changed", _CHANGED,
        Remedy(_NOT_PROVEN, f"{_RETRY} as the source has it now"),
        fr="modifié à la source depuis l'envoi", en="changed at the source since sent",
    )
    VERIFY_SOURCE_DIFFERS = _unlike(
        "verify-source-differs", _DIFFERS,
        Remedy(_NOT_PROVEN, f"find out why the source gives other bytes for one version; {_RETRY}"),
        fr="la source a livré d'autres octets", en="the source gave other bytes",
    )
    # --- what is beside an object's bytes, and is not at the target ----------------------------
    METADATA_DIFFERS = _finding(
        "metadata-differs", "verify",
        "metadata that was sent is not at the target",
        Remedy(_MOVED, _waived("metadata-differs", "look what the target kept of it; ")),
        fr="métadonnées absentes de la cible", en="metadata not at the target",
    )
    METADATA_RENAMED = _finding(
        "metadata-renamed", "verify",
        "the target writes `_` in names of metadata as `-`: accept it in the plan"
        " (`target.metadata_names: hyphens`) before a batch begins, or waive"
        " `finding.metadata-renamed`",
        Remedy(
            _MOVED,
            _waived("metadata-renamed", "look whether who reads it can live with the names; "),
        ),
        fr="noms de métadonnées changés par la cible (« _ » devenu « - »)",
        en="names of metadata changed by the target (“_” became “-”)",
    )
    METADATA_COLLISION = _finding(
        "metadata-collision", "inventory",
        "names of metadata that would become one at the target, or one of ours (`hdh-attempt`,"
        " `hdh-retain-until`): none of the object's metadata was sent, it stays in the ledger",
        Remedy(_MOVED, _waived("metadata-collision", "the metadata stays in the ledger only; ")),
        fr="métadonnées dont les noms n'en feraient qu'un sur la cible, non envoyées",
        en="metadata whose names would become one at the target, not sent",
    )
    TAGS_LOST = _finding(
        "tags-lost", "verify", _TAGS,
        Remedy(_MOVED, _waived("tags-lost", "set the tags at the target by hand, or ")),
        fr="étiquettes qui ne sont pas sur la cible comme à la source",
        en="tags that are not at the target as at the source",
    )
    TAGS_UNSHOWN = _finding(
        "tags-unshown", "verify", _TAGS,
        Remedy(
            _MOVED,
            _waived("tags-unshown", "grant the reading credential `s3:GetObjectTagging`, or "),
        ),
        fr="étiquettes que la cible ne montre pas", en="tags that the target does not show",
    )
    RETENTION_DIFFERS = _finding(
        "retention-differs", "verify",
        "what is to keep an object (mode, date, legal hold) is not at the target as planned"
        " (probe.md)",
        Remedy(_MOVED, _waived("retention-differs", "set the lock at the target by hand, or ")),
        fr="durée de conservation ou blocage légal non conforme au plan",
        en="retention or legal hold not as planned",
    )
    # --- what a later look at verified objects found -------------------------------------------
    TARGET_REPLACED = _unlike(
        "target-replaced",
        "somebody else's object is where a verified one was; nothing was overwritten: `verify"
        " --again --restore` or `--accept`",
        Remedy(
            "the tool overwrote nothing",
            '"hdh-migrate verify PLAN --again --restore ID" keeps theirs aside, and the next run'
            " sends ours; --accept ID --reason TEXT takes theirs",
        ),
        fr="remplacé sur la cible par un autre objet depuis sa vérification",
        en="replaced at the target by another object since it was verified",
    )
    TARGET_BESIDE = _finding(
        "target-beside", "verify",
        "a verified object has its bytes, and other metadata or tags than were sent: `verify"
        " --again --restore` or `--accept`",
        Remedy(
            "its bytes are those that were verified; nothing was overwritten",
            '"hdh-migrate verify PLAN --again --restore ID" keeps what is there aside, and the next'
            " run sends ours; --accept ID --reason TEXT takes it",
        ),
        fr="octets intacts à la cible, mais métadonnées ou étiquettes changées depuis",
        en="bytes intact at the target, but metadata or tags changed since",
    )
    TARGET_UNREAD = _finding(
        "target-unread", "verify", _UNSEEN, _LOOK_LATER,
        fr="vérifié, mais illisible sur la cible quand il a été relu",
        en="verified, but unreadable at the target when it was read again",
    )
    TARGET_UNPROVEN = _finding(
        "target-unproven", "verify", _UNSEEN, _LOOK_LATER,
        fr="vérifié, mais le registre n'a pas l'empreinte de ses octets stockés",
        en="verified, but the ledger has no digest of its stored bytes",
    )
    TARGET_ACCEPTED = _note(
        "target-accepted", "verify",
        "somebody took another object at the target instead of the verified one"
        " (`verify --accept`), and said why",
        _LOOK_LATER,
        fr="objet de la cible accepté à la place de celui qui a été vérifié",
        en="object at the target accepted instead of the one that was verified",
    )
    # --- after the move ------------------------------------------------------------------------
    VANISHED = _finding(
        "vanished", "inventory",
        "no longer at the source; what the target has of it stays there. `vanished:"
        " keep-at-target` in a dataset's plan makes a note of it",
        Remedy(
            "the target keeps what it has of it; what was not moved yet counts as left behind",
            _waived("vanished", "ask who deleted it at the source; when that was meant, "),
        ),
        fr="plus à la source ; la cible garde ce qu'elle en a",
        en="no longer at the source; the target keeps what it has of it",
    )
    VANISHED_LOST = _finding(
        "vanished-lost", "inventory",
        "the target's verified copy was found gone, damaged or replaced, and the source had it no"
        " more: neither side is known to hold it",
        Remedy(
            "nothing more of it is deleted; the source may keep it as a soft-deleted blob, and the"
            " target's bucket as an earlier version",
            "undelete it at the source, or put it back there from a copy; then"
            f' "hdh-migrate run PLAN --refresh" moves it. Or {_waived("vanished-lost")}',
        ),
        fr="perdu sur la cible après sa vérification, et plus à la source",
        en="lost at the target after it was verified, and no longer at the source",
        ends=Exit.VERIFICATION_FAILED,
    )
    VANISHED_KEPT = _note(
        "vanished-kept", "inventory",
        "no longer at the source, which the plan foresees (`vanished: keep-at-target`); what the"
        " target has of it stays there",
        Remedy(
            "the target keeps what it has of it; what was not moved yet counts as left behind",
            'nothing need be done; "hdh-migrate report PLAN" tells of it',
        ),
        fr="plus à la source, comme le plan le prévoit ; la cible garde ce qu'elle en a",
        en="no longer at the source, as the plan foresees; the target keeps what it has of it",
    )
    DECOMMISSION_DRIFTED = _finding(
        "decommission-drifted", "decommission", _KEPT,
        Remedy(
            _STILL_THERE,
            'look which of the two is right; "hdh-migrate decommission PLAN --batch NAME" never '
            "deletes what changed. What has other index tags alone goes once they are set back, by"
            " the same command",
        ),
        fr="non supprimé à la source : modifié depuis",
        en="not deleted at the source: changed since",
    )
    DECOMMISSION_MISSING = _finding(
        "decommission-missing", "decommission", _KEPT,
        Remedy(
            "the target keeps it, verified",
            'ask who deleted it; "hdh-migrate audit journal PLAN" tells what this tool did',
        ),
        fr="n'était plus à la source au moment de le supprimer",
        en="was gone from the source when it was to be deleted",
    )
    DECOMMISSION_KEPT = _finding(
        "decommission-kept", "decommission", _KEPT,
        Remedy(
            _STILL_THERE,
            'end its lease, snapshot or hold at the source; then give "hdh-migrate decommission '
            'PLAN --batch NAME" again',
        ),
        fr="non supprimé à la source : retenu par elle",
        en="not deleted at the source: kept by it",
    )
    DECOMMISSION_TARGET_GONE = _finding(
        "decommission-target-gone", "decommission", _UNHELD,
        Remedy(
            _STILL_THERE,
            'while nothing of the batch was deleted, "hdh-migrate verify PLAN --again" lets the '
            "next run send it anew, which takes a report and approvals of its own; afterwards put "
            'its version back, or keep the source; then "hdh-migrate decommission PLAN --batch '
            'NAME" again',
        ),
        fr="non supprimé à la source : la cible ne le contient plus",
        en="not deleted at the source: no longer at the target",
    )
    DECOMMISSION_TARGET_DIFFERS = _finding(
        "decommission-target-differs", "decommission", _UNHELD,
        Remedy(
            _STILL_THERE,
            "find out who wrote at the target; while nothing of the batch was deleted, "
            '"hdh-migrate verify PLAN --again" says how to settle it, which takes a report and '
            "approvals of its own; afterwards put its version back, or keep the source; then "
            '"hdh-migrate decommission PLAN --batch NAME" again',
        ),
        fr="non supprimé à la source : la cible contient autre chose que ce qui a été vérifié",
        en="not deleted at the source: the target holds something else than what was verified",
    )
    DECOMMISSION_TARGET_UNREAD = _finding(
        "decommission-target-unread", "decommission", _UNHELD,
        Remedy(
            _STILL_THERE,
            'see that the target answers and the credential may read; then give "hdh-migrate '
            'decommission PLAN --batch NAME" again',
        ),
        fr="non supprimé à la source : illisible sur la cible quand il a été relu",
        en="not deleted at the source: unreadable at the target when it was read again",
    )
    DECOMMISSION_TARGET_UNPROVEN = _finding(
        "decommission-target-unproven", "decommission", _UNHELD,
        Remedy(
            _STILL_THERE,
            'read it back with "hdh-migrate fetch PLAN DATASET KEY --out FILE" and compare; this'
            " tool keeps it at the source",
        ),
        fr="non supprimé à la source : le registre n'a pas l'empreinte de ses octets stockés",
        en="not deleted at the source: the ledger has no digest of its stored bytes",
    )
    DECOMMISSION_TARGET_LOST = _finding(
        "decommission-target-lost", "decommission",
        "the same, seen after the source had deleted it, by `decommission` or `verify --again`",
        Remedy(
            "nothing more of it is deleted; the target's bucket may keep it as an earlier version,"
            " and the source as a soft-deleted one for some days",
            "make that version the current one again (remove what lies over it), or put it back"
            ' from a copy; then "hdh-migrate verify PLAN --again" says if it is right',
        ),
        fr="déjà supprimé à la source, et la cible ne le contient plus tel que vérifié",
        en="deleted at the source already, and no longer at the target as it was verified",
        ends=Exit.VERIFICATION_FAILED,
    )
    # --- noted of what is moved all the same ---------------------------------------------------
    FENCE_SOFT = _note(
        "fence-soft", "transfer",
        "the host keeps no conditions on writes: that one ledger writes is watched there, not"
        " enforced",
        Remedy(
            "objects are never overwritten by who sees a later epoch's tag",
            'run one machine at a time; "hdh-migrate fence PLAN" says which one that is',
        ),
        fr="un seul rédacteur sur la cible : surveillé, non garanti par l'hébergeur",
        en="one writer at the target: watched, not enforced by the host",
    )
    TAKEN_OVER = _note(
        "taken-over", "transfer",
        "this ledger took the fence over from another one; approvals given before are void",
        Remedy(
            "nothing of a later epoch is overwritten by who wrote before",
            'see who and why with "hdh-migrate audit journal PLAN"; have approvals signed anew',
        ),
        fr="écriture sur la cible reprise à un autre registre",
        en="writing at the target taken over from another ledger",
    )
    ADOPTED = _note(
        "adopted", "verify",
        "another ledger had moved these objects: they were read back, opened and compared here",
        Remedy(
            "each of them was verified like any other",
            'keep the reports that were adopted; "hdh-migrate audit journal PLAN" tells which',
        ),
        fr="objets envoyés par un autre registre, relus et comparés ici",
        en="objects that another ledger had sent, read back and compared here",
    )
    UPLOADS_OF_OTHERS = _note(
        "uploads-of-others", "transfer",
        "uploads that this ledger did not begin stand open in a dataset's place at the target:"
        " somebody else's, or our own from before the ledger was put back",
        Remedy(
            "nothing of them is touched; but their parts cost money, and may be sealed parts of"
            " this migration",
            'learn whose they are; "hdh-migrate cleanup PLAN --others NAME" shows what they hold,'
            " and ends them when you say so",
        ),
        fr="envois en plusieurs parties restés ouverts, que ce registre n'a pas commencés",
        en="multipart uploads left open that this ledger did not begin",
    )
    ATTESTATION_OTHER = _note(
        "attestation-other", "transfer",
        "the customer's attestation, or the plan's own profile, is another file than in an earlier"
        " run: renewed, or exchanged",
        Remedy(
            "each verb was judged by the file of its own time",
            'compare the digests with the files that you know; "hdh-migrate audit journal PLAN"'
            " tells which verbs worked with which",
        ),
        fr="attestation ou profil remplacé depuis une exécution antérieure",
        en="attestation or profile replaced since an earlier run",
    )
    METADATA_LOSS = _note(
        "metadata-loss", "inventory", _NOTED,
        _NOTHING,
        fr="métadonnées non portées par la cible", en="metadata the target cannot hold",
    )
    METADATA_HYPHENS = _note(
        "metadata-hyphens", "inventory", _NOTED,
        _NOTHING,
        fr="noms de métadonnées écrits avec « - » pour « _ », comme le plan l'accepte",
        en="names of metadata written with “-” for “_”, as the plan accepts",
    )
    TAGS_LOSS = _note(
        "tags-loss", "inventory", _NOTED,
        _NOTHING,
        fr="étiquettes non portées par la cible", en="tags the target cannot hold",
    )
    TAGS_UNSUPPORTED = _note(
        "tags-unsupported", "inventory", _NOTED,
        _NOTHING,
        fr="la source n'a pas d'étiquettes d'index", en="the source has no index tags",
    )
    LEASED = _note(
        "leased", "inventory", _NOTED,
        _NOTHING,
        fr="bail en cours à la source", en="lease held at the source",
    )
    HISTORY_LEFT = _note(
        "history-left", "inventory",
        "the source also has snapshots, earlier versions, soft-deleted or uncommitted blobs; they"
        " are counted and not moved ([fidelity](fidelity.md))",
        Remedy(
            "only what is current is moved; the source keeps the rest until it is deleted there",
            'decide whether they are needed before "hdh-migrate decommission PLAN --batch NAME"',
        ),
        fr="instantanés, versions antérieures, blobs supprimés ou non validés à la source :"
        " comptés, non déplacés",
        en="snapshots, earlier versions, soft-deleted or uncommitted blobs at the source: counted,"
        " not moved",
    )
    CONTAINER_LEFT = _note(
        "container-left", "inventory",
        "what the source's container itself has: metadata, public access, policies, holds"
        " ([fidelity](fidelity.md))",
        Remedy(
            "objects are moved with all that is theirs; the source keeps what is the container's",
            "set at the bucket what is needed there before"
            ' "hdh-migrate decommission PLAN --batch NAME"',
        ),
        fr="propriétés du conteneur lui-même : non déplacées",
        en="properties of the container itself: not moved",
    )
    AS_OF = _note(
        "as-of", "inventory",
        "the plan wants a dataset as of a moment: how many objects are as now, how many of an"
        " earlier version ([fidelity](fidelity.md))",
        _NOTHING,
        fr="jeu pris tel qu'il était à un moment donné",
        en="dataset taken as it was at a moment",
    )
    AS_OF_UNDELETED = _note(
        "as-of-undeleted", "inventory",
        "deleted objects of which the source does not say whether before or after that moment; the"
        " last version before it is moved ([fidelity](fidelity.md))",
        Remedy(
            "nothing was deleted at the source or at the target",
            f"leave behind what must not come back: add `exclude`, then {_AMEND}",
        ),
        fr="objets supprimés à la source, avant ou après le moment voulu : repris",
        en="objects deleted at the source, before or after the moment that is wanted: moved",
    )
    ALL_VERSIONS = _note(
        "all-versions", "inventory",
        "the plan wants all versions of a dataset: how many of each form there are"
        " ([fidelity](fidelity.md))",
        _NOTHING,
        fr="jeu pris avec toutes ses versions",
        en="dataset taken with all its versions",
    )
    VERSIONS_UNDELETED = _note(
        "versions-undeleted", "inventory",
        "blobs that somebody deleted and whose versions are still there: at the target the last of"
        " them is current ([fidelity](fidelity.md))",
        Remedy(
            "nothing was deleted at the source or at the target",
            f"leave behind what must not come back: add `exclude`, then {_AMEND}",
        ),
        fr="blobs supprimés à la source, dont les versions sont reprises",
        en="blobs deleted at the source whose versions are moved",
    )
    BUCKET_CROWDED = _note(
        "bucket-crowded", "inventory", _NOTED,
        _NOTHING,
        fr="plus d'objets dans un compartiment que son hébergeur n'en conseille",
        en="more objects in a bucket than its host advises",
    )
    PREFIX_OPEN = _note(
        "prefix-open", "inventory", _NOTED,
        _NOTHING,
        fr="préfixe sans barre finale : pris aussi à côté du dossier",
        en="prefix without a final slash: took objects beside the folder, too",
    )
    VERSION_BY_TIME = _note(
        "version-by-time", "inventory",
        "the source tells no version: what is rewritten in the same second with the same size"
        " shows only when every object is read twice ([SFTP](sftp.md))",
        _NOTHING,
        fr="source sans version : seules la taille et la date de modification en tiennent lieu",
        en="source without versions: size and time of change stand for one",
    )
    SSH_AGREED = _note(
        "ssh-agreed", "inventory",
        "with what key exchange, host key, cipher and MAC the source was listed ([SFTP](sftp.md))",
        _NOTHING,
        fr="algorithmes SSH négociés avec la source", en="SSH algorithms agreed on with the source",
    )
    TAGS_UNREAD = _finding(
        "tags-unread", "inventory", _NOTED,
        Remedy(
            _MOVED,
            _waived(
                "tags-unread",
                "grant the source's credential the right to read tags before a run begins; now ",
            ),
        ),
        fr="étiquettes que l'accès ne permet pas de lire", en="tags not readable",
    )
    FEATURES_UNREAD = _finding(
        "features-unread", "inventory",
        "the source did not let read what stands beside objects (owners, access lists,"
        " immutability, page ranges, versions); nothing of it is kept ([fidelity](fidelity.md))",
        Remedy(
            _MOVED,
            _waived(
                "features-unread",
                "grant the source's credential these rights before a run begins; now ",
            ),
        ),
        fr="propriétés que l'accès à la source ne permet pas de lire",
        en="properties that the source's credential may not read",
    )
    LISTING_UNSTABLE = _finding(
        "listing-unstable", "inventory", _NOTED,
        Remedy(
            "an object is moved only in the version that was listed; what was not listed is not",
            _waived("listing-unstable", "freeze the source and compare; when nothing is missing, "),
        ),
        fr="deux listes de la source diffèrent", en="two listings differ",
    )
    BATCH_HELD_BACK = _note(
        "batch-held-back", "transfer",
        "a batch that it needs is not verified yet, so it was not begun; the next run tries"
        " it again",
        Remedy(
            "it was not listed again, and nothing more of it was moved",
            'mend what its needs lack; "hdh-migrate run PLAN" then begins it',
        ),
        fr="lot retenu par un autre", en="batch held back by another",
    )
    BATCH_LATE = _note(
        "batch-late", "transfer",
        "at the pace that is measured, the batch is not verified by its `done_by`; noted once",
        Remedy(
            "it goes on; nothing is left out to be in time",
            '"hdh-migrate forecast PLAN" shows what is left; give it more hours (`windows`),'
            " a higher rate or `priority`, or another `done_by`",
        ),
        fr="lot qui sera en retard", en="batch that will be late",
    )
    # fmt: on

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return self.about.severity

    @property
    def exit(self) -> Exit:
        """How `run` ends while such a finding is open."""
        return self.about.exit

    @property
    def in_verify(self) -> Code:
        """What a finding of verify is called for this reason: so itself, if only verify has it."""
        return self if self.about.found == "verify" else Code(f"verify-{self}")

    @classmethod
    def _missing_(cls, value: object) -> Code | None:
        """Take a `kind-...` that has no member for `kind-other`: sources list what they like."""
        return cls.KIND_OTHER if isinstance(value, str) and value.startswith("kind-") else None

    @classmethod
    def of_kind(cls, kind: str) -> Code:
        """Return what an object is called that is no plain one."""
        return cls(f"kind-{kind}")

    @classmethod
    def known(cls, text: str) -> Code | None:
        """Return a code that was read, None when it is of another version of this software."""
        try:
            return cls(text)
        except ValueError:
            return None


LOST_OBJECTS: Final = (Code.DECOMMISSION_TARGET_LOST, Code.VANISHED_LOST)
"""What was verified, and neither side is known to hold now."""


def how_many(found: Mapping[str, int], *codes: Code) -> int:
    """Return how many findings are of some codes, by their counts."""
    return sum(found.get(code, 0) for code in codes)


def table() -> Iterator[str]:
    """Yield the lines of the table for operators: a row for all codes of which it says the same."""
    yield "| code | severity | exit | meaning |"
    yield "|---|---|---|---|"
    rows: dict[tuple[str, Severity, Exit], list[Code]] = {}
    for code in of_findings():
        rows.setdefault((code.about.row, code.severity, code.exit), []).append(code)
    for (row, severity, ends), codes in rows.items():
        names = ", ".join(f"`{code}`" for code in codes)
        yield f"| {names} | {severity} | {int(ends)} | {row} |"


def of_findings() -> Iterator[Code]:
    """Yield every code that a finding can have; the others are only an object's reason."""
    for code in Code:
        in_verify = Code.known(f"verify-{code}")
        if in_verify is None or (in_verify.about.row, in_verify.exit) != (
            code.about.row,
            code.exit,
        ):
            yield code


_OTHER_VERSION: Final = Remedy(
    "nothing more is known of it than what the message says",
    'another version of this software found it: use that one, or "hdh-migrate report PLAN"',
)


def remedy(code: str) -> Remedy:
    """Return what is safe and what to do next, also for a code of another version."""
    known = Code.known(code)
    return _OTHER_VERSION if known is None else known.about.remedy


def exit_of(code: str, severity: Severity) -> Exit:
    """Return how a run ends while a finding is open, also for a code of another version."""
    if severity is not Severity.FINDING:
        return Exit.REFUSED if severity is Severity.BLOCKER else Exit.OK
    known = Code.known(code)
    return Exit.FINDINGS if known is None else known.exit


_GRAVEST: Final = (Exit.REFUSED, Exit.VERIFICATION_FAILED, Exit.DRIFTED, Exit.FINDINGS)


def gravest(ends: Iterable[Exit]) -> Exit:
    """Return how a run ends of which findings mean all these; a blocker ends it first."""
    found = set(ends)
    return next((code for code in _GRAVEST if code in found), Exit.OK)
