"""Compare two bundles of one migration: does the newer one still say what the older one said?

Both are checked whole first. Then the newer statement must follow the older one, the older
journal must be the beginning of the newer one (each event's digest covers all before it, so one
equal digest at the older one's end proves it), and every object that was verified must still be
there, the same, and verified. The manifests are merged line by line, in bounded memory.

Messages name files and line numbers, never objects: object names may identify people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from pathlib import Path

from hdh_migrate.errors import UsageError
from hdh_migrate.evidence.exports.keyed import PREFIX
from hdh_migrate.evidence.inherited import adoptions_of, forsaken, replanned
from hdh_migrate.evidence.lines.facts import LEVELS
from hdh_migrate.evidence.lines.records import order_of
from hdh_migrate.evidence.reading import CheckedBundle, problems_of, read_bundle
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.evidence.verifier.members import ExclusionRecord, ManifestRecord
from hdh_migrate.fixity import inventory_leaf
from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import SIDECAR_VERSION, Verdict, key_bytes
from hdh_migrate.results.proofs import PlaceInBoth
from hdh_migrate.telemetry import counted

LISTED = 100
"""Objects of a kind that are listed one by one; all are counted."""

Numbered = tuple[int, ManifestRecord]

CONTRADICTIONS = {
    "gone": "verified objects are no longer in the manifest",
    "unverified": "verified objects are no longer verified",
    "changed": "verified objects have another digest, size or source version",
    "weaker": "verified objects are verified at a lower level than before",
    "stored-anew": "verified objects have other stored bytes or another place at the target",
    "dropped": "objects of a closed inventory are in neither manifest nor exclusions any more",
}
"""What may not become of an object from one bundle to the next."""

SUPERSEDED = ("gone", "unverified", "changed", "stored-anew")
"""What may become of it all the same where the journal tells of it since."""

ADOPTED_PLAN = "adopted-plan"
ELSEWHERE = "elsewhere"
"""What may become of it where it was adopted under another plan."""

PROGRESS = {
    "kept": "verified objects are as they were",
    "left-behind": "objects that were not verified are left behind now, by a rule that is told",
    "newly-verified": "objects are verified now",
    "open": "objects were not verified and are not yet",
    "new": "objects are new in the manifest",
    ELSEWHERE: "verified objects lie at another place at the target, with the same stored bytes",
    "forgotten": "objects of an inventory that was still open are not listed any more",
}


@mutable_row
class AlikeLines:
    """The objects that became the same: their number, and the lines of the first of them."""

    objects: int = 0
    lines: list[PlaceInBoth] = field(default_factory=list)


@mutable_row
class Comparison:
    """What was found: (code, message) of each contradiction and note, and objects by kind."""

    contradictions: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    kinds: dict[str, AlikeLines] = field(default_factory=dict)


def compare_bundles(
    old: Path,
    new: Path,
    trusted: Sequence[TrustedKey],
    *,
    threshold: int = 1,
    show_names: bool = False,
) -> Comparison:
    """Compare two bundles; nothing contradicts when `contradictions` is empty.

    Raises:
        UsageError: one of them is no bundle, or one has plain names and the other keyed ones.
        EvidenceDamaged: a bundle was changed while it was read.
    """
    found = Comparison()
    for code, folder in (("old-damaged", old), ("new-damaged", new)):
        for problem in problems_of(folder, trusted, threshold):
            found.contradictions.append((code, problem))
    if found.contradictions:
        return found
    was, now = (read_bundle(folder) for folder in (old, new))
    if was.names != now.names:
        raise UsageError(
            f"the old bundle has {was.names} names and the new one {now.names} names",
            hint="compare two of the same form",
        )
    if not _is_replay(was, now, found):
        _follow(was, now, found)
        if _is_continued(was, now, found):
            _compare_objects(was, now, found, show_names=show_names)
    return found


def _is_replay(was: CheckedBundle, now: CheckedBundle, found: Comparison) -> bool:
    """Return whether these two cannot be an older and a newer bundle of one migration."""
    problems = []
    if was.statement_sha256 == now.statement_sha256:
        problems.append(("same", "both bundles have the same statement: nothing newer is shown"))
    elif was.predicate["migration"] != now.predicate["migration"]:
        problems.append(("other-migration", "the bundles are of two migrations"))
    elif _is_planned_on(was, now):
        pass
    elif adoptions_of(now, was) is not None:
        said = "what the old bundle tells of was adopted under another plan"
        found.notes.append((ADOPTED_PLAN, f"{said}: {replanned(was, now)}"))
    else:
        said = "the bundles are of two plans, and the new journal does not tell of the change"
        problems.append(("other-plan", said))
    if not problems and was.predicate["previous_statement"] == now.statement_sha256:
        problems.append(("swapped", "the old bundle follows the new one: they are swapped"))
    found.contradictions += problems
    return bool(problems)


def _is_planned_on(was: CheckedBundle, now: CheckedBundle) -> bool:
    """Say whether the new bundle's plan is the old one's, or became of it by changes it tells."""
    reached = {was.predicate["plan"]["digest"]["sha256"]}
    for _, body in now.told("plan-changed"):
        if str(body["was"]) in reached:
            reached.add(str(body["now"]))
    return now.predicate["plan"]["digest"]["sha256"] in reached


def _follow(was: CheckedBundle, now: CheckedBundle, found: Comparison) -> None:
    """Look at what the new statement says of its place among statements."""
    then, later = (datetime.fromisoformat(one.predicate["times"]["written"]) for one in (was, now))
    if later < then:
        found.contradictions.append(("earlier", "the new bundle was written before the old one"))
    previous = now.predicate["previous_statement"]
    if now.names == "keyed":
        said = "keyed bundles name the last plain statement: only journals and times order them"
        found.notes.append(("keyed", said))
    elif previous is None:
        found.contradictions.append(("first", "the new bundle says that no other came before it"))
    elif previous == was.statement_sha256:
        found.notes.append(("follows", "the new statement names the old one as the one before it"))
    else:
        said = "the new statement names another one before it: other bundles lie between"
        found.notes.append(("between", said))


def _is_continued(was: CheckedBundle, now: CheckedBundle, found: Comparison) -> bool:
    """Look for the shorter journal's head at its place in the longer one; False: swapped."""
    short, long = sorted((was, now), key=lambda one: int(one.predicate["journal"]["events"]))
    events, head = short.predicate["journal"]["events"], short.predicate["journal"]["head"]
    more = long.predicate["journal"]["events"] - events
    if events and not long.goes_on_from(events, head):
        if (adopted := adoptions_of(now, was)) is not None:
            said = (
                "another ledger adopted the old bundle after its own was lost: what happened"
                " before is told by the old journal alone"
            )
            found.notes.append(("adopted", said))
            found.contradictions += forsaken(was, now, adopted)
            return True
        said = f"the journals differ at or before event {events}: one was rewritten"
        if now.names == "keyed" and any(now.told("adopting")):
            said += ", or adopted: keyed names do not show which, compare the plain bundles"
        found.contradictions.append(("journal-forked", said))
    elif short is now:
        said = (
            f"the new journal ends {counted(more, 'event')} before the old one:"
            " the bundles are swapped"
        )
        found.contradictions.append(("swapped", said))
        return False
    else:
        said = (
            f"the new journal begins with all {counted(events, 'event')} of the old one, and has"
            f" {more} more"
        )
        found.notes.append(("journal", said))
    return True


def _shared(was: CheckedBundle, now: CheckedBundle) -> int:
    """Return how many events the new journal begins with that are the old one's: all, or none.

    None where another ledger adopted the old bundle: all that it tells came since.
    """
    events, head = was.predicate["journal"]["events"], was.predicate["journal"]["head"]
    return events if now.goes_on_from(events, head) else 0


def _compare_objects(
    was: CheckedBundle, now: CheckedBundle, found: Comparison, *, show_names: bool
) -> None:
    closed = frozenset(one["name"] for one in was.predicate["datasets"] if one["closed"])
    moves = any(code == ADOPTED_PLAN for code, _ in found.notes)
    since, left = _Since(now, _shared(was, now)), _Left(now.exclusions())
    for before, after in _pairs(was.manifest(), now.manifest()):
        code = _became(before and before[1], after and after[1], closed)
        if code == ELSEWHERE and not moves:
            code = "stored-anew"
        if before is not None and code in SUPERSEDED:
            since.became(before[1], code)
        elif before is not None and code in {"dropped", "forgotten"} and left.has(before[1]):
            code = "left-behind"
        kind = found.kinds.setdefault(code, AlikeLines())
        kind.objects += 1
        if code != "kept" and len(kind.lines) < LISTED:
            line: PlaceInBoth = {
                "old": None if before is None else before[0],
                "new": None if after is None else after[0],
            }
            if show_names and (either := before or after) is not None:
                line["dataset"], line["key"] = either[1]["dataset"], either[1]["key"]
            kind.lines.append(line)
    _judge(found, since)


def _judge(found: Comparison, since: _Since) -> None:
    """Say of each kind of objects that was found whether it contradicts the old bundle."""
    for code, what in CONTRADICTIONS.items():
        if code in found.kinds and code in SUPERSEDED and since.accounts_for_all():
            said = f"{found.kinds[code].objects} {what}, as the journal tells since"
            found.notes.append((code, said))
        elif code in found.kinds:
            found.contradictions.append((code, f"{found.kinds[code].objects} {what}"))
    for code, what in PROGRESS.items():
        if code in found.kinds:
            found.notes.append((code, f"{found.kinds[code].objects} {what}"))


class _Since:
    """What the new journal says, after the old one's end, of objects that were verified then.

    A run that lists its source again, or looks at its target again, takes verdicts back and says
    so: how many in each dataset (`superseded`), and of which leaves the source has other ones.
    """

    def __init__(self, now: CheckedBundle, shared: int) -> None:
        """Read what `now` tells after the events that both journals have."""
        self._dropped, self._seen = Counter[str](), Counter[str]()
        self._leaves: set[str] = set()
        self._plain, self._unrecorded = now.names == "plain", False
        for kind, body in now.told("superseded", "inventory-changed", after=shared):
            if kind == "superseded":
                self._dropped.update(body.get("dropped_datasets") or {})
            elif kind == "inventory-changed" and self._plain:
                pairs = (*body.get("changed", ()), *body.get("changed_excluded", ()))
                self._leaves.update(before for before, _ in pairs)

    def became(self, old: ManifestRecord, code: str) -> None:
        """Take an object that was verified, and what became of it."""
        self._seen[old["dataset"]] += 1
        if self._plain and code in {"gone", "changed"}:
            leaf = inventory_leaf(key_bytes(old["key"]), old["size"], old["source_version"])
            self._unrecorded = self._unrecorded or leaf.hex() not in self._leaves

    def accounts_for_all(self) -> bool:
        """Return whether it tells of no fewer objects than there are, in each dataset."""
        return not self._unrecorded and all(
            count <= self._dropped[dataset] for dataset, count in self._seen.items()
        )


class _Left:
    """Exclusions of a bundle, looked up in the order in which they stand."""

    def __init__(self, lines: Iterator[tuple[int, ExclusionRecord]]) -> None:
        self._lines = lines
        self._next = next(lines, None)

    def has(self, line: ManifestRecord) -> bool:
        """Return whether an object is among them."""
        order = order_of(line)
        while self._next is not None and order_of(self._next[1]) < order:
            self._next = next(self._lines, None)
        return self._next is not None and order_of(self._next[1]) == order


def _pairs(
    old: Iterator[Numbered], new: Iterator[Numbered]
) -> Iterator[tuple[Numbered | None, Numbered | None]]:
    """Merge two sorted manifests: yield each object with its line in both, or in one."""
    before, after = next(old, None), next(new, None)
    while before is not None or after is not None:
        left = None if before is None else order_of(before[1])
        right = None if after is None else order_of(after[1])
        if right is None or (left is not None and left < right):
            yield before, None
            before = next(old, None)
        elif left is None or right < left:
            yield None, after
            after = next(new, None)
        else:
            yield before, after
            before, after = next(old, None), next(new, None)


def _became(old: ManifestRecord | None, new: ManifestRecord | None, closed: frozenset[str]) -> str:
    """Return what became of one object; the old inventories of `closed` datasets were sealed."""
    if old is None:
        return "new"
    if old["verdict"] == Verdict.MATCH:
        return _kept(old, new)
    if new is None:
        return "dropped" if old["dataset"] in closed else "forgotten"
    return "newly-verified" if new["verdict"] == Verdict.MATCH else "open"


def _kept(old: ManifestRecord, new: ManifestRecord | None) -> str:
    if new is None:
        return "gone"
    if new["verdict"] != Verdict.MATCH:
        return "unverified"
    were: Mapping[str, object] = old
    are: Mapping[str, object] = new

    def differ(*names: str) -> bool:
        return any(were[name] != are[name] for name in names)

    if differ("sha256", "size") or not _one_version(old["source_version"], new["source_version"]):
        return "changed"
    if LEVELS.index(str(new["level"])) > LEVELS.index(str(old["level"])):
        return "weaker"
    if differ("stored_size", "stored_sha256") or old["stored_sha256"] is None:
        return "stored-anew" if differ(*_STORED) else "kept"
    return ELSEWHERE if differ(*_STORED) else "kept"


_STORED = ("bucket", "target_key", "stored_size", "stored_sha256", "target_etag")
"""Members of a line that say what stands for an object at the target, and where."""


def _one_version(old: str, new: str) -> bool:
    """Say whether two versions of one content are one: a keyed one stands for a plain digest."""
    return old == new or (
        old.startswith(SIDECAR_VERSION) and new.startswith(SIDECAR_VERSION + PREFIX)
    )
