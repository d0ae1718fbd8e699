"""What a bundle cannot say, given the plan in its statement.

Used by verify.py (which see). It needs Python 3.9 and nothing else. Every rule here is decided from
the bundle alone; docs/evidence-format.md, section 7, gives them in words.
"""

from __future__ import annotations

import heapq
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

if __package__:
    from hdh_migrate.evidence import forms
else:
    import forms  # type: ignore[import-not-found,no-redef]

THIS_MACHINE = tuple(
    map(ipaddress.ip_network, ("0.0.0.0/8", "127.0.0.0/8", "::/127", "::ffff:127.0.0.0/104"))
)
NOTHING = forms.sha256(b"")
NOTHING_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
LATER = ("sha256", "stored_size", "stored_sha256", "target_etag", "level", "verified_at")
RECIPIENT = re.compile("c4gh:[0-9a-f]{16}")
KEYED = re.compile("k:[0-9a-f]{64}")
SEGMENT, PER_SEGMENT = 65_536, 28
HEADER, PER_RECIPIENT = 16, 108
DIRECTORY = ("directory", "a directory of a hierarchical namespace: it has no content")
NOT_INCLUDED = ("not included", "it matches none of the dataset's `include` globs")


def is_local(url: str) -> bool:
    """Say whether an address is a folder or on this machine.

    Raises ValueError for one that a resolver may read otherwise, such as `127.1` and `0x7f.1`.
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    if not host or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return is_this_machine(host)
    except ValueError:
        forms.must(not host.rpartition(".")[2][:1].isdigit())
        return False


def is_this_machine(address: str) -> bool:
    """Say whether a network address is one of this machine; ValueError if it is none at all."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return any(found in net for net in THIS_MACHINE)  # is_loopback differs between Pythons


# --- globs -----------------------------------------------------------------------------------

ESCAPABLE = "*?[]{}!\\"
ANY, STAR, FOLDERS, ALL = "?", "*", "**/", "**"


def tokens(glob: str, version: int) -> list[str]:
    """Return a glob in pieces: wildcards as they are written, other characters behind a `=`.

    In the first format every other character stood for itself. Raises ValueError for a glob that
    no plan of this format can have.
    """
    found: list[str] = []
    at = 0
    forms.must(bool(glob) and not (version > 1 and glob[0] == "!"))
    while at < len(glob):
        wild = next((w for w in (FOLDERS, ALL, STAR, ANY) if glob.startswith(w, at)), None)
        if wild is not None:
            found.append(wild)
            at += len(wild)
            continue
        if version > 1:
            if glob[at] == "\\":
                at += 1
                forms.must(at < len(glob) and glob[at] in ESCAPABLE)
            else:
                forms.must(glob[at] not in "[]{}")
        found.append("=" + glob[at])
        at += 1
    return found


def matcher(glob: str, version: int) -> Callable[[str], bool]:
    """Return what says whether a whole name matches a glob, in time that no name can stretch."""
    pieces = tokens(glob, version)
    if any("\ud800" <= char <= "\udfff" for char in glob):
        return lambda _: False  # a byte that is no text is one character, and no other
    if sum(piece in (STAR, FOLDERS, ALL) for piece in pieces) > 2:
        return lambda name: _steps(pieces, name)
    spelled = {ANY: "[^/]", STAR: "[^/]*", FOLDERS: "(?:[^/]*/)*", ALL: ".*"}
    text = "".join(spelled.get(piece) or re.escape(piece[1:]) for piece in pieces)
    pattern = re.compile(text, re.DOTALL)
    return lambda name: pattern.fullmatch(name) is not None


def _steps(pieces: Sequence[str], name: str) -> bool:
    """Match by following all ways at once: a way is at a piece, maybe inside a folder of `**/`."""
    ways = _reached({(0, False)}, pieces)
    for char in name:
        after = set()
        for at, _ in ways:
            if at == len(pieces):
                continue
            piece = pieces[at]
            if piece == FOLDERS:
                after.add((at, char != "/"))
            elif piece == ALL or (piece == STAR and char != "/"):
                after.add((at, False))
            elif piece == "=" + char or (piece == ANY and char != "/"):
                after.add((at + 1, False))
        ways = _reached(after, pieces)
    return (len(pieces), False) in ways


def _reached(ways: set[tuple[int, bool]], pieces: Sequence[str]) -> set[tuple[int, bool]]:
    """Add the ways that take nothing of the name: a wildcard may stand for nothing."""
    reached = set(ways)
    for at, inside in ways:
        while not inside and at < len(pieces) and pieces[at] in (STAR, FOLDERS, ALL):
            at += 1  # noqa: PLW2901
            reached.add((at, False))
    return reached


# --- the plan ----------------------------------------------------------------------------------


class Dataset(NamedTuple):
    """What the plan says of one dataset."""

    source: Mapping[str, str]
    target: Mapping[str, str]
    include: Sequence[Callable[[str], bool]]
    exclude: Sequence[tuple[Callable[[str], bool], str, str]]
    claims: bool
    """Whether the source's MD5 values are compared."""

    def why(self, name: str) -> tuple[str, str] | None:
        """Return rule and reason for leaving a name behind, None if it is to be moved."""
        if self.include and not any(matches(name) for matches in self.include):
            return NOT_INCLUDED
        return next(((rule, why) for matches, rule, why in self.exclude if matches(name)), None)

    def reasons(self) -> set[tuple[str, str]]:
        """Return every rule and reason for which something may be left behind."""
        told = {(rule, reason) for _, rule, reason in self.exclude}
        return told | {DIRECTORY} | ({NOT_INCLUDED} if self.include else set())


class Plan:
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
            self.suffix = default if suffix is None else _text(suffix)
            self.level = plan["verify"]["level"]
            self.folders = plan["source"]["kind"] == "azure-blob"  # may have directories
            self.datasets = {
                _text(dataset["name"]): self._dataset(dataset) for dataset in plan["datasets"]
            }
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise forms.Wrong("statement.json: the plan is not of the form of a plan") from None
        self.earliest = forms.instant(self.times["started"] or "")
        self.latest = forms.instant(self.times["written"])

    def _dataset(self, told: Mapping[str, Any]) -> Dataset:
        source, version = told["source"], self.version
        return Dataset(
            source={
                "bucket": _text(source["path"] if "path" in source else source["container"]),
                "prefix": "" if "path" in source else _text(source.get("prefix") or ""),
            },
            target={name: _text(told["target"][name]) for name in ("bucket", "prefix")},
            include=[matcher(_text(glob), version) for glob in told.get("include") or ()],
            exclude=[
                (matcher(_text(rule["glob"]), version), f"exclude {rule['glob']}", rule["reason"])
                for rule in told.get("exclude") or ()
            ],
            claims=told.get("ignore_md5") is None,
        )

    # --- lines ---------------------------------------------------------------------------------

    def record(self, line: Mapping[str, Any], where: str) -> None:
        """Raise Wrong at a line of the manifest that this plan cannot lead to."""
        planned = self.datasets[line["dataset"]]
        if line["bucket"] != planned.target["bucket"] or not self._leads(line, planned):
            raise forms.Wrong(f"{where}: not where the plan puts this object")
        if not self.keyed and self._why(line, planned) is not None:
            raise forms.Wrong(f"{where}: the plan leaves this object behind")
        at = line["verified_at"]
        if at is not None and not self.earliest <= forms.instant(at) <= self.latest:
            raise forms.Wrong(f"{where}: verified before the run, or after the statement")
        if line["verdict"] == "match":
            for problem in self._unlike(line):
                raise forms.Wrong(f"{where}: {problem}")
        elif (
            line["verdict"] is None
            and self.version > 1
            and any(line[name] is not None for name in LATER)
        ):
            raise forms.Wrong(f"{where}: what is known only of objects that were moved")

    def exclusion(self, line: Mapping[str, Any], where: str) -> None:
        """Raise Wrong at an exclusion that is not by a rule of this plan."""
        planned, told = self.datasets[line["dataset"]], (line["rule"], line["reason"])
        if self.keyed:
            self._keyed(line["key"], where)
            holds = told in planned.reasons()
        else:
            if not forms.key_of(line).startswith(planned.source["prefix"].encode()):
                raise forms.Wrong(f"{where}: not under the prefix of its dataset")
            why = self._why(line, planned)
            holds = told in (DIRECTORY, why)
        if not holds or (told == DIRECTORY and (line["size"] or not self.folders)):
            raise forms.Wrong(f"{where}: no rule of the plan leaves this object behind")

    def _keyed(self, name: str, where: str) -> None:
        if not KEYED.fullmatch(name):
            raise forms.Wrong(f"{where}: not a keyed name")

    def _leads(self, line: Mapping[str, Any], planned: Dataset) -> bool:
        """Say whether the key at the target is the one that the plan gives the key."""
        if self.keyed:
            names = (line["key"], line["target_key"])
            return all(KEYED.fullmatch(name) for name in names) and line["source_md5"] is None
        begin, put = planned.source["prefix"], planned.target["prefix"]
        if "key_b64" not in line and "target_key_b64" not in line:
            key = line["key"]
            return bool(
                key.startswith(begin)
                and line["target_key"] == put + key[len(begin) :] + self.suffix
            )
        raw, old = forms.key_of(line), begin.encode()
        new = put.encode() + raw[len(old) :] + self.suffix.encode()
        return raw.startswith(old) and forms.key_of(line, "target_key") == new

    def _why(self, line: Mapping[str, Any], planned: Dataset) -> tuple[str, str] | None:
        if not planned.include and not planned.exclude:
            return None
        name = forms.key_of(line).decode("utf-8", "surrogateescape")
        return planned.why(name[len(planned.source["prefix"]) :])

    def _unlike(self, line: Mapping[str, Any]) -> Iterator[str]:
        """Say what is wrong with a line whose verdict is "match"."""
        size, stored = line["size"], line["stored_size"]
        plain, sealed = line["sha256"], line["stored_sha256"]
        if line["level"] != self.level:
            yield "verified at another level than the plan's"
        if stored is not None and stored != self.stored_size(size):
            yield "the stored size is not that of this object as the plan seals it"
        if not self.keyed:
            if plain is not None and (plain == NOTHING) is not (size == 0):
                yield "a digest of nothing, or of an empty object that is not"
            if None not in (plain, sealed) and (plain == sealed) is not (self.seal == "none"):
                yield "the digests are not those of an object as the plan seals it"
        claim = line["source_md5"] if self.datasets[line["dataset"]].claims else None
        if claim is not None and (claim == NOTHING_MD5) is not (size == 0):
            yield "the source's MD5 of nothing, or of an empty object that is not"
        if sealed is not None and (sealed == NOTHING) is not (self.stored_size(size) == 0):
            yield "a digest of nothing, or of an empty object that is not"

    def stored_size(self, size: int) -> int:
        """Return the bytes that an object has at the target."""
        if self.seal == "none":
            return size
        segments = -(-size // SEGMENT)
        return HEADER + PER_RECIPIENT * self.recipients + size + PER_SEGMENT * segments

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


Begin = tuple[str, int, int]
"""A dataset, where its lines begin in the manifest, and how many lines stand before."""


def meeting(path: Path, begins: Iterable[Begin], suffix: int) -> Iterator[str]:
    """Say where verified objects of some datasets have one key at the target.

    Without the `suffix` (so many bytes) these keys ascend in each dataset, as its keys do.
    """
    last = b""
    for key, where in heapq.merge(*(_verified(path, begin, suffix) for begin in begins)):
        if key == last:
            yield f"{where}: another object has this key at the target"
            return
        last = key


def _verified(path: Path, begin: Begin, suffix: int) -> Iterator[tuple[bytes, str]]:
    dataset, offset, number = begin
    found = forms.lines(path, forms.RECORD, ordered=False, begin=offset, number=number)
    for where, _, line in found:
        if line["dataset"] != dataset:
            return
        if line["verdict"] == "match":
            key = forms.key_of(line, "target_key")
            yield b"=" + key[: len(key) - suffix], where


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    forms.must(isinstance(value, str))
    return str(value)


# --- the statement -----------------------------------------------------------------------------


def misstated(predicate: Mapping[str, Any], version: int) -> Iterator[str]:
    """Say what the statement says otherwise than its plan."""
    plan = predicate["plan"]["canonical"]
    if forms.sha256(forms.canonical(plan)) != predicate["plan"]["digest"]["sha256"]:
        yield "statement.json: the plan digest is not the digest of the plan"
    planned = Plan(predicate, version)
    if not _places(predicate, planned):
        yield "statement.json: the datasets are not those of the plan"
    for rule in (_endpoints, _sealing, _times, _beside, _losses, _cutovers):
        try:
            yield from rule(predicate, plan, planned)
        except (KeyError, TypeError, AttributeError):
            raise forms.Wrong("statement.json: the plan is not of the form of a plan") from None


def _places(predicate: Mapping[str, Any], planned: Plan) -> bool:
    plan = planned.canonical
    batches = [(name, batch["name"]) for batch in plan["batches"] for name in batch["datasets"]]
    told = {each["name"]: (each["source"], each["target"]) for each in predicate["datasets"]}
    places = {name: (each.source, each.target) for name, each in planned.datasets.items()}
    once = len(told) == len(predicate["datasets"]) == len(plan["datasets"])  # or sums would double
    batched = sorted(batches) == sorted(
        (each["name"], each["batch"]) for each in predicate["datasets"]
    )
    return told == places and once and batched and plan["migration"] == predicate["migration"]


Rule = Iterator[str]


def _endpoints(predicate: Mapping[str, Any], plan: Mapping[str, Any], planned: Plan) -> Rule:
    """There are two: the plan's source and the plan's target."""
    del planned
    told = predicate["endpoints"]
    local = [is_local(place["url"]) for place in told]
    if predicate["rehearsal"] is not all(local) or local != [place["local"] for place in told]:
        yield "statement.json: rehearsal or local endpoints are misstated"
    origin, target = plan["source"], plan["target"]
    source = {"side": "source", "kind": origin["kind"], "region": None}
    source["url"] = "folder:" if origin["kind"] == "folder" else origin["account_url"]
    host = {"side": "target", "kind": target["provider"], "region": target["region"]}
    if target.get("endpoint") is not None:
        host["url"] = target["endpoint"]
    elif len(told) == 2 and told[1]["local"]:
        yield "statement.json: a provider's own address is never local"
    wanted = [source, host]
    if [{name: one[name] for name in want} for one, want in zip(told, wanted)] != wanted or len(  # noqa: B905 - Python 3.9
        told
    ) != len(wanted):
        yield "statement.json: the endpoints are not the plan's"


def _sealing(predicate: Mapping[str, Any], plan: Mapping[str, Any], planned: Plan) -> Rule:
    del plan
    seal, keys = predicate["seal"], predicate["seal"]["recipients"]
    if seal["format"] != planned.seal or len(keys) != planned.recipients:
        yield "statement.json: the seal is not the plan's"
    if len(set(keys)) != len(keys) or not all(RECIPIENT.fullmatch(key) for key in keys):
        yield "statement.json: recipients that are no fingerprints, or one twice"
    if predicate["verification"]["level"] != planned.level:
        yield "statement.json: the level is not the plan's"


def _times(predicate: Mapping[str, Any], plan: Mapping[str, Any], planned: Plan) -> Rule:
    del plan, planned
    times = predicate["times"]
    story = [times["started"], times["ended"], times["written"]]
    moments = [forms.instant(moment) for moment in story if moment is not None]
    if moments != sorted(moments):
        yield "statement.json: it ended before it started, or was written before it ended"
    first, last = moments[0], moments[-1]
    for pace in predicate["paces"]:
        begun, done = forms.instant(pace["started"]), forms.instant(pace["ended"])
        if not first <= begun <= done <= last:
            yield "statement.json: a pace from outside the run"
    if len({pace["step"] for pace in predicate["paces"]}) != len(predicate["paces"]):
        yield "statement.json: a step has two paces"


AHEAD = 60  # seconds by which another machine's clock may be ahead
WAIVER = {
    **dict.fromkeys(("what", "reason", "by", "file"), forms.NAMED), "made_at": forms.TIME,
    "until": forms.DAY, "key_id": forms.KEY_ID, "sha256": forms.DIGEST,
}  # fmt: skip


def _beside(predicate: Mapping[str, Any], plan: Mapping[str, Any], planned: Plan) -> Rule:
    """What stands beside the plan is about this plan."""
    del planned
    target, profile = plan["target"], predicate["profile"]
    attested, probed = predicate["attestation"], predicate["capabilities"]
    if profile is not None and profile.get("name") != target["provider"]:
        yield "statement.json: the profile is of another provider"
    named = target.get("attestation")
    there = [place for place in predicate["endpoints"] if place["side"] == "target"]
    if attested is not None and (
        named is None
        or forms.canonical(attested.get("reference")) != forms.canonical(named)
        or predicate["rehearsal"]
    ):
        yield "statement.json: an attestation that the plan does not name, or of a rehearsal"
    elif attested is not None and not (
        attested.get("provider") == target["provider"]
        and target["region"] in attested["regions"]
        and all(_attests(attested, place) for place in there)
    ):
        yield "statement.json: an attestation of another host"
    if probed is not None and not any(
        (probed.get("endpoint"), probed.get("region")) == (place["url"], place["region"])
        for place in there
    ):
        yield "statement.json: what a probe saw is of another target"
    if predicate["waivers"] and plan.get("waivers") is None:
        yield "statement.json: waivers, though the plan accepts none"
    written = predicate["times"]["written"]
    for waiver in predicate["waivers"]:
        if forms.ill_formed(waiver, WAIVER, "") is not None:
            yield "statement.json: not a waiver"
        elif waiver["until"] < written[:10]:
            yield "statement.json: a waiver that had ended"
        elif forms.seconds(waiver["made_at"]) > forms.seconds(written) + AHEAD:
            yield "statement.json: a waiver from after the statement"


def _attests(attested: Mapping[str, Any], place: Mapping[str, Any]) -> bool:
    """Say whether a host is attested, or what the tunnel leads to that begins at its address."""
    hosts = {place["url"].rstrip("/")}
    if place["local"]:
        tunnels = attested.get("tunnels") or ()
        hosts = {
            way["leads_to"].rstrip("/") for way in tunnels if way["local"].rstrip("/") in hosts
        }
    return len(hosts) == 1 and hosts <= {url.rstrip("/") for url in attested["endpoints"]}


KEPT = {
    "modified": "manifest", "headers": "ledger", "tier": "ledger", "metadata": "ledger",
    "tags": "ledger",
}  # fmt: skip
"""What a target may not keep, and where it is kept then."""


def _losses(predicate: Mapping[str, Any], plan: Mapping[str, Any], planned: Plan) -> Rule:
    """Losses are of objects that were moved, or are to be."""
    del plan
    moved = {
        each["name"]: each["tally"]["verified"]["objects"] + each["tally"]["pending"]["objects"]
        for each in predicate["datasets"]
    }
    told = {(loss["dataset"], loss["what"]): loss for loss in predicate["losses"]}
    fits = all(0 < loss["objects"] <= moved.get(loss["dataset"], 0) for loss in predicate["losses"])
    if len(told) != len(predicate["losses"]) or not fits:
        yield "statement.json: losses of more objects than there are, or told twice"
    if planned.version == 1:
        return
    if any(KEPT.get(what) != loss["kept"] for (_, what), loss in told.items()):
        yield "statement.json: not a loss, or kept elsewhere"
    modified = {
        name: told[name, "modified"]["objects"] for name, what in told if what == "modified"
    }
    if modified != {name: objects for name, objects in moved.items() if objects}:
        yield "statement.json: no target keeps the time of the last change of any object"


def _cutovers(predicate: Mapping[str, Any], plan: Mapping[str, Any], planned: Plan) -> Rule:
    batches = {batch["name"] for batch in plan["batches"]}
    told = [(story.get("batch"), story.get("track")) for story in predicate["cutovers"]]
    tracks = all(track in ("cutover", "rehearsal") for _, track in told)
    known = all(isinstance(batch, str) and batch in batches for batch, _ in told)
    if not tracks or not known or len(set(told)) != len(told):
        raise forms.Wrong("statement.json: a cutover of no batch of the plan, or told twice")
    for story in predicate["cutovers"]:
        # Statements of the first format tell of no terms.
        if story["track"] == "cutover" and (planned.version > 1 or "terms_changes" in story):
            try:
                yield from agreed(story)
            except (KeyError, TypeError, ValueError, AttributeError):
                raise forms.Wrong("statement.json: not the terms of a cutover") from None


DEMANDED = {
    **dict.fromkeys(("switching", "switched", "open"), "cutover"), "finalized": "finalize",
    **dict.fromkeys(("erasing", "erased", "requested", "observed"), "decommission"),
}  # fmt: skip
"""For which stage there are approvals once an event has come."""


def agreed(story: Mapping[str, Any]) -> Rule:
    """What needs approvals has some, each by enough of those whom the terms in force then ask."""
    batch, history = story["batch"], terms_told(story)
    digests = [forms.sha256(forms.canonical(terms)) for terms in history]
    changes = story["terms_changes"]
    chained = [(one["was"], one["now"]) for one in changes]
    if chained != list(zip(digests, digests[1:])):  # noqa: B905, RUF007 - Python 3.9
        yield f"statement.json: batch {batch}: changes of terms that do not follow each other"
    for before, one in zip(history, changes):  # noqa: B905 - Python 3.9
        asked = max([*before["thresholds"].values(), 0])
        if not _suffice(one["approvals"], before, asked):
            yield f"statement.json: batch {batch}: terms changed without those who approved before"
    for stage, keys in story["approvals"].items():
        under = story["approved_under"].get(stage)
        if under is None and not changes:
            continue  # an earlier version wrote this approval
        if under not in digests:
            yield f"statement.json: batch {batch}: {stage} approved under terms that were never set"
            continue
        terms = history[digests.index(under)]
        if not _suffice(keys, terms, terms["thresholds"].get(stage, 0)):
            yield f"statement.json: batch {batch}: {stage} was not approved by whom its terms ask"
    for name, stage in DEMANDED.items():
        if name in story["times"] and stage not in story["approvals"]:
            yield f"statement.json: batch {batch}: {name}, and nobody is told who approved it"


def terms_told(story: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return all terms of a cutover that a statement tells, the first ones first."""
    told = [*(one["terms_before"] for one in story["terms_changes"]), story["terms"]]
    return [terms for terms in told if terms is not None]


def _suffice(keys: Sequence[str], terms: Mapping[str, Any], threshold: int) -> bool:
    asked = {
        forms.sha256(bytes.fromhex(one["public"])): one["fingerprint"] for one in terms["approvers"]
    }
    named = all(digest == fingerprint for digest, fingerprint in asked.items())
    return named and set(keys) <= asked.keys() and len(set(keys)) == len(keys) >= threshold
