"""What the plan in a statement says, and which lines it can lead to.

Used by verify.py (which see). It needs Python 3.9 and nothing else. docs/evidence-format.md,
sections 7.5 and 7.6, gives the rules in words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Optional

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.headers import Erasable, Packs, SealedBefore
from hdh_migrate.evidence.verifier.members import (
    ExclusionRecord,
    Line,
    ManifestRecord,
    SealSection,
)
from hdh_migrate.evidence.verifier.selection import (
    DIRECTORY,
    LOST,
    NOT_INCLUDED,
    NOT_INCLUDED_BY_RULES,
    VANISHED,
    StatedDataset,
    said_of,
    stated_rule,
)

NOTHING = forms.sha256(b"")
SECOND = 2
NOTHING_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
LATER = ("sha256", "stored_size", "stored_sha256", "target_etag", "level", "verified_at")
KEYED = re.compile("k:[0-9a-f]{64}")
SEGMENT, PER_SEGMENT = 65_536, 28
HEADER, PER_RECIPIENT = 16, 108
HYBRID_HEADER, PER_HYBRID = 76, 1200  # in front of the tool's own files, where others have none
SIDECAR_VERSION = re.compile("sidecar:[0-9a-f]{64}")
SIDECARS = ".hdh-migrate-sidecar/"
"""Below a dataset's prefix, what the tool adds to it; no rule is about that."""
PACKS = SIDECARS + "_headers/"
"""Below this, followed by the dataset's name, its header packs."""


class StatedPlan:
    """The plan of a statement, as far as the lines and the statement must agree with it."""

    def __init__(self, predicate: Mapping[str, Any], version: int) -> None:
        plan = predicate["plan"]["canonical"]
        self.canonical, self.version = plan, version
        self.keyed = predicate["names"] == "keyed"
        self.times = predicate["times"]
        try:
            self.seal = str(plan["seal"]["format"])
            forms.must(self.seal in ("crypt4gh", "none"))
            self.recipients = len(plan["seal"]["recipients"]) if self.seal == "crypt4gh" else 0
            default = ".c4gh" if self.seal == "crypt4gh" else ""
            suffix = plan["seal"].get("suffix")
            self.suffix = default if suffix is None else forms.string(suffix)
            self.detached = plan["seal"].get("header", "inline") == "detached"
            self.level = plan["verify"]["level"]
            self.folders = plan["source"]["kind"] == "azure-blob"  # may have directories
            self.datasets = {
                forms.string(dataset["name"]): self._dataset(dataset)
                for dataset in plan["datasets"]
            }
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise forms.Wrong("statement.json: the plan is not of the form of a plan") from None
        self.sealed_for = {self.recipients}
        self.packs = Packs()
        self.erased = {one["dataset"]: Erasable() for one in predicate.get("erasures", ())}
        self.rotations = [
            SealedBefore(one, detached=self.detached) for one in predicate.get("rotations", ())
        ]
        self.moved_before: dict[str, int] = {}
        self.contracted: Optional[Collection[str]] = None  # noqa: UP045 - Python 3.9 reads this
        """Datasets that have a fidelity contract; None: nothing tells."""
        self._versions: set[str] = set()
        self._name: tuple[str, bytes] = ("", b"")
        """The name whose versions at the target these are, of the lines that stand together."""
        self.earliest = forms.instant(self.times["started"] or "")
        self.latest = forms.instant(self.times["written"])

    def _dataset(self, dataset: Mapping[str, Any]) -> StatedDataset:
        source, version = dataset["source"], self.version
        included = _list(dataset, "include")
        only_globs = all(type(rule) is str for rule in included)
        return StatedDataset(
            source={
                "bucket": forms.string(source["path"] if "path" in source else source["container"]),
                "prefix": "" if "path" in source else forms.string(_given(source, "prefix", "")),
            },
            as_of=_moment(source),
            every_version=source.get("versions") == EVERY_VERSION,
            target={name: forms.string(dataset["target"][name]) for name in ("bucket", "prefix")},
            include=[stated_rule(rule, version) for rule in included],
            exclude=[
                (stated_rule(rule, version, reasoned=True), said_of(rule), rule["reason"])
                for rule in _list(dataset, "exclude")
            ],
            not_included=NOT_INCLUDED if only_globs else NOT_INCLUDED_BY_RULES,
            claims=dataset.get("ignore_md5") is None,
        )

    def amended(
        self,
        moved_before: Mapping[str, int],
        sealed_for: Iterable[int],
        contracted: Optional[Collection[str]] = None,  # noqa: UP045 - Python 3.9 reads this
    ) -> None:
        """Take what the journal tells of amendments and contracts, before the first line."""
        self.contracted = contracted
        self.moved_before = dict(moved_before)
        self.sealed_for = {self.recipients, *sealed_for}

    # --- lines ---------------------------------------------------------------------------------

    def record(self, line: ManifestRecord, where: str) -> None:
        """Raise Wrong at a line of the manifest that this plan cannot lead to."""
        planned = self.datasets[line["dataset"]]
        members: Mapping[str, object] = line
        if line["bucket"] != planned.target["bucket"] or not self._leads(line, planned):
            raise forms.Wrong(f"{where}: not where the plan puts this object")
        if planned.every_version and not self.keyed:
            self._apart(line, where)
        if not self.keyed and self._stays(line, planned):
            left = self.moved_before.get(line["dataset"], 0)
            if not left:
                raise forms.Wrong(f"{where}: the plan leaves this object behind")
            self.moved_before[line["dataset"]] = left - 1
        at = line["verified_at"]
        if at is not None and not self.earliest <= forms.instant(at) <= self.latest:
            raise forms.Wrong(f"{where}: verified before the run, or after the statement")
        if line["verdict"] == "match":
            for problem in self._unlike(line):
                raise forms.Wrong(f"{where}: {problem}")
            self._add(line, planned)
        elif (
            line["verdict"] is None
            and self.version > 1
            and any(members[name] is not None for name in LATER)
        ):
            raise forms.Wrong(f"{where}: what is known only of objects that were moved")

    def exclusion(self, line: ExclusionRecord, where: str) -> None:
        """Raise Wrong at an exclusion that is not by a rule of this plan."""
        planned, stated = self.datasets[line["dataset"]], (line["rule"], line["reason"])
        if self.keyed:
            self._keyed(line["key"], where)
            holds = stated in planned.reasons()
        else:
            if not forms.key_of(line).startswith(planned.source["prefix"].encode()):
                raise forms.Wrong(f"{where}: not under the prefix of its dataset")
            if planned.every_version:
                self._versioned(line, where)
            # What vanished is what the journal tells.
            name = _below(line, planned)
            if name.startswith(SIDECARS):
                version = line.get("source_version")
                holds = (
                    stated in (VANISHED, LOST)
                    and SIDECAR_VERSION.fullmatch(str(version)) is not None
                )
            else:
                holds = stated in (DIRECTORY, VANISHED, LOST) or planned.leaves(stated, name, line)
        if stated in (VANISHED, LOST) and self.version < SECOND:
            holds = False
        if not holds or (stated == DIRECTORY and (line["size"] or not self.folders)):
            raise forms.Wrong(f"{where}: no rule of the plan leaves this object behind")

    def _keyed(self, name: str, where: str) -> None:
        if not KEYED.fullmatch(name):
            raise forms.Wrong(f"{where}: not a keyed name")

    def _leads(self, line: ManifestRecord, planned: StatedDataset) -> bool:
        """Say whether the key at the target is the one that the plan gives the key."""
        if self.keyed:
            names = (line["key"], line["target_key"])
            return all(KEYED.fullmatch(name) for name in names) and line["source_md5"] is None
        begin, put = planned.source["prefix"], planned.target["prefix"]
        if "key_b64" not in line and "target_key_b64" not in line:
            key = line["key"]
            if planned.every_version:
                key = key.partition(MARK)[0]
            return bool(
                key.startswith(begin)
                and line["target_key"] == put + key[len(begin) :] + self.suffix
            )
        raw, old = _name_of(line, planned), begin.encode()
        new = put.encode() + raw[len(old) :] + self.suffix.encode()
        return raw.startswith(old) and forms.key_of(line, "target_key") == new

    def _versioned(self, line: Line, where: str) -> bytes | None:
        """Return the name that a version is of, None for what the tool adds.

        Raise Wrong unless the key of a line says which version of which name it is.
        """
        if self._is_sidecar(line):
            return None
        key = forms.key_of(line)
        name, _, token = key.partition(b"\0")
        found = TOKEN.fullmatch(token)
        if not name or found is None:
            raise forms.Wrong(f"{where}: the key does not say which version it is")
        pin = PIN.search(line["source_version"])
        told = None if pin is None else (pin[2].encode(), pin[1].encode())
        if told != (None if found[1] is None else (found[1], found[2])):
            raise forms.Wrong(f"{where}: another version than the key says")
        return name

    def _apart(self, line: ManifestRecord, where: str) -> None:
        """Raise Wrong unless a verified version has a version of its own at the target."""
        name = self._versioned(line, where)
        if name is None or line["verdict"] != "match":
            return
        version = STORED.search(line["target_etag"] or "")
        if version is None:
            raise forms.Wrong(f"{where}: no version of the target's is told")
        if self._name != (line["dataset"], name):
            self._name, self._versions = (line["dataset"], name), set()
        if version[1] in self._versions:
            raise forms.Wrong(f"{where}: another version is this one at the target")
        self._versions.add(version[1])

    def _stays(self, line: ManifestRecord, planned: StatedDataset) -> bool:
        if not planned.include and not planned.exclude:
            return False
        return not self._is_sidecar(line) and planned.stays(_below(line, planned), line)

    def _is_sidecar(self, line: Line) -> bool:
        planned = self.datasets[line["dataset"]]
        if "key_b64" not in line:  # the sooner way to say the same
            key: str = line["key"]
            return key.startswith(SIDECARS, len(planned.source["prefix"]))
        return _below(line, planned).startswith(SIDECARS)

    def _add(self, line: ManifestRecord, planned: StatedDataset) -> None:
        """Add a verified line to header packs, and to what was erased or is to be sealed anew."""
        pack = self.detached and self._is_pack(line, planned)
        if pack:
            self.packs.add(line)
        if (erased := self.erased.get(line["dataset"])) is not None:
            if pack:
                erased.packs.add(line)
            elif not self._is_sidecar(line):
                forms.add(erased.rest, line["size"])
            return
        for rotation in self.rotations:
            rotation.add(line)

    def _is_pack(self, line: ManifestRecord, planned: StatedDataset) -> bool:
        """Say whether a line is of a header pack of its dataset, as far as names tell."""
        return not self.keyed and _below(line, planned).startswith(f"{PACKS}{line['dataset']}/")

    def _unlike(self, line: ManifestRecord) -> Iterator[str]:
        """Say what is wrong with a line whose verdict is "match"."""
        size, stored = line["size"], line["stored_size"]
        plain, sealed = line["sha256"], line["stored_sha256"]
        planned = self.datasets[line["dataset"]]
        if planned.as_of is not None and not was_then(line["source_version"], planned.as_of):
            yield "not the version that was current at the moment that the plan says"
        if line["level"] != self.level:
            yield "verified at another level than the plan's"
        may_be = self.stored_sizes(size, line)
        if stored is not None and stored not in may_be:
            yield "the stored size is not that of this object as the plan seals it"
        if not self.keyed:
            if plain is not None and (plain == NOTHING) is not (size == 0):
                yield "a digest of nothing, or of an empty object that is not"
            if self._is_sidecar(line):
                yield from self._unlike_own(line)
            bare = self.detached and not size  # nothing, with no header in front of it
            same = self.seal == "none" or (bare and not self._is_sidecar(line))
            if None not in (plain, sealed) and (plain == sealed) is not same:
                yield "the digests are not those of an object as the plan seals it"
        claim = line["source_md5"] if planned.claims else None
        if claim is not None and (claim == NOTHING_MD5) is not (size == 0):
            yield "the source's MD5 of nothing, or of an empty object that is not"
        if sealed is not None and (sealed == NOTHING) is not (0 in may_be):
            yield "a digest of nothing, or of an empty object that is not"

    def _unlike_own(self, line: ManifestRecord) -> Iterator[str]:
        """Say what is wrong with a file of the sidecar."""
        plain = line["sha256"]
        if plain is not None and line["source_version"] != f"sidecar:{plain}":
            yield "a file of the sidecar has another digest than its version says"
        if _below(line, self.datasets[line["dataset"]]).startswith(PACKS):
            if not self.detached:
                yield "a header pack, though headers stand in front of their objects"
        elif self.contracted is not None and line["dataset"] not in self.contracted:
            yield "a file of the sidecar of a dataset that has no contract"

    def stored_sizes(self, size: int, line: ManifestRecord) -> set[int]:
        """Return the bytes that an object may have at the target, by for how many it is sealed."""
        if self.seal == "none":
            return {size}
        body = size + PER_SEGMENT * -(-size // SEGMENT)
        if not self.detached:
            return {body + HEADER + PER_RECIPIENT * many for many in self.sealed_for}
        alone = {body + HYBRID_HEADER + PER_HYBRID * many for many in self.sealed_for}
        if self.keyed:  # nothing tells which are the tool's own files
            return {body} | alone
        return alone if self._is_sidecar(line) else {body}

    def mispacked(self, stated: SealSection) -> Iterator[str]:
        """Say what the statement says otherwise of header packs than the lines, if names tell."""
        if self.detached and not self.keyed:
            headers = {name: stated["headers"][name] for name in ("packs", "bytes", "root")}
            if headers != self.packs.sums():
                yield "statement.json: other header packs than the manifest has"

    def missealed(self) -> Iterator[str]:
        """Say whether lines show more that stayed as it was than an exchange of keys tells."""
        if any(one.understated() for one in self.rotations):
            yield "statement.json: an exchange of keys left more as it was than it says"

    def miserased(self, told: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
        """Say which erasures were of something else than the lines that stand still have.

        `told` has, by dataset, what each says of lines that no event made others since.
        """
        for name, about in told.items():
            named = not self.keyed and name in self.erased
            if named and about != self.erased[name].told():
                yield f"journal.jsonl: the erasure of {name} was of other packs than the lines have"

    # --- two lines with one place at the target -------------------------------------------------

    def crowds(self) -> Iterator[list[str]]:
        """Yield names of datasets whose targets lie in one another: keys may meet only there.

        Inside a dataset the key decides the target's key, so what is unique stays unique.
        """
        by_bucket: dict[str, list[tuple[str, str]]] = {}
        for name, dataset in self.datasets.items():
            bucket = by_bucket.setdefault(dataset.target["bucket"], [])
            bucket.append((dataset.target["prefix"], name))
        for places in by_bucket.values():
            crowd: list[tuple[str, str]] = []
            for place in sorted(places):
                if crowd and not place[0].startswith(crowd[0][0]):
                    if len(crowd) > 1:
                        yield [name for _, name in crowd]
                    crowd = []
                crowd.append(place)
            if len(crowd) > 1:
                yield [name for _, name in crowd]


def _below(line: Line, planned: StatedDataset) -> str:
    """Return the name without the source prefix; a byte that is no text is a character."""
    name = _name_of(line, planned).decode("utf-8", "surrogateescape")
    return name[len(planned.source["prefix"]) :]


def _name_of(line: Line, planned: StatedDataset) -> bytes:
    """Return the key of a line; where versions have lines of their own, without the version."""
    key = forms.key_of(line)
    return key.partition(b"\0")[0] if planned.every_version else key


PIN = re.compile(r";(versionid|snapshot)=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z)\Z", re.ASCII)
EVERY_VERSION, MARK = "all", "\0"
TOKEN = re.compile(rb"current|(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z);(versionid|snapshot)")
"""Which version of its name a key is of, behind the zero byte."""
STORED = re.compile(r";versionid=(.+)\Z", re.DOTALL)
WHOLE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def was_then(version: str, as_of: str) -> bool:
    """Say whether a version of a blob may have been current at a moment, by its own moment."""
    pin = PIN.search(version)
    if pin is None:
        return True
    then, moment = forms.instant(as_of), forms.instant(pin[2])
    return moment <= then if pin[1] == "versionid" else moment >= then


def _moment(source: Mapping[str, Any]) -> Optional[str]:  # noqa: UP045 - Python 3.9 reads this
    """Return as of which moment a dataset is moved; None: as it is."""
    versions = source.get("versions")
    if versions is None or versions in ("current", EVERY_VERSION):
        return None
    as_of = forms.string(versions["as_of"])
    forms.must(WHOLE.fullmatch(as_of) is not None)
    return as_of


def _given(section: Mapping[str, Any], name: str, default: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return a member of a plan; one that it leaves out is absent or null."""
    value = section.get(name)
    return default if value is None else value


def _list(section: Mapping[str, Any], name: str) -> list[Any]:
    value = _given(section, name, [])
    forms.must(isinstance(value, list))
    return list(value)
