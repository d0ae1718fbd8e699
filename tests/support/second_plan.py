"""Sections 7.3 and 7.5 to 7.7 for the second verifier: statement and lines beside the plan."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5, sha256
from urllib.parse import urlsplit

from tests.support.second_cutovers import check_terms
from tests.support.second_forms import (
    RULES,
    Json,
    Refused,
    address_of,
    canonical,
    instant,
    is_own,
    matching,
    need,
    same,
    seconds_of,
)
from tests.support.second_rules import Rule, read_excluded, read_included

NOTHING = sha256().hexdigest()
NOTHING_MD5 = md5(usedforsecurity=False).hexdigest()
DIRECTORY = ("directory", "a directory of a hierarchical namespace: it has no content")
VANISHED = ("vanished", "gone from the source before this version of it was moved")
LOST = (
    "vanished",
    "lost at the target after it was moved, and gone from the source before it could be sent again",
)
is_keyed_name = matching(r"k:[0-9a-f]{64}")
is_recipient = {
    False: matching(r"c4gh:[0-9a-f]{16}"),
    True: matching(r"hybrid:[0-9a-f]{16}"),
}
is_whole_moment = matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


# What is asked of a plan --------------------------------------------------------------------------


@dataclass
class Dataset:
    """A dataset as the canonical plan has it."""

    name: str
    source: dict[str, Json]
    target: dict[str, Json]
    include: list[Rule]
    exclude: list[Rule]
    only_globs: bool
    """Whether all of `include` are texts."""
    checks_md5: bool
    as_of: str | None
    """As of which moment its versions are moved, if it is of one."""
    every_version: bool
    """Whether all its versions are moved (7.8)."""

    @property
    def not_included(self) -> tuple[str, str]:
        """Rule and reason of what no rule of `include` takes."""
        what = "globs" if self.only_globs else "rules"
        return "not included", f"it matches none of the dataset's `include` {what}"


@dataclass
class Plan:
    """The members of a canonical plan that the document names."""

    whole: Json
    source: Json
    target: Json
    seal: Json
    datasets: dict[str, Dataset]
    batches: list[tuple[str, list[str]]]
    first: bool
    """Whether it is that of a bundle of the first format (section 11)."""

    @property
    def suffix(self) -> str:
        given = self.seal.get("suffix")
        usual = {"crypt4gh": ".c4gh", "none": ""}[self.seal["format"]]
        return usual if given is None else str(given)

    @property
    def detached(self) -> bool:
        """Whether headers are in packs (7.9)."""
        return bool(self.seal.get("header") == "detached")

    @property
    def recipients(self) -> int:
        listed = self.seal.get("recipients")
        return len(listed) if self.seal["format"] == "crypt4gh" and listed is not None else 0


def of(value: Json, name: str, kind: type, *, may_lack: bool = False) -> Json:
    """Return a member of an object of the plan, if it is of this kind."""
    need(isinstance(value, dict), f"plan: no object that has {name}")
    found = value.get(name)
    need(isinstance(found, kind) or (may_lack and found is None), f"plan: {name}")
    return found


def read_plan(predicate: Json, first: bool) -> Plan:
    whole = predicate["plan"]["canonical"]
    digest = sha256(canonical(whole)).hexdigest()
    need(predicate["plan"]["digest"]["sha256"] == digest, "plan: not its digest")
    source, target, seal = (of(whole, name, dict) for name in ("source", "target", "seal"))
    need(of(seal, "format", str) in {"crypt4gh", "none"}, "plan: seal.format")
    of(seal, "suffix", str, may_lack=True)
    need(seal.get("header") in {None, "inline", "detached"}, "plan: seal.header")
    of(seal, "recipients", list, may_lack=True)
    found = [read_dataset(one, first) for one in of(whole, "datasets", list)]
    datasets = {one.name: one for one in found}
    need(len(datasets) == len(found), "plan: a dataset twice")
    listed = [
        (of(one, "name", str), of(one, "datasets", list)) for one in of(whole, "batches", list)
    ]
    return Plan(whole, source, target, seal, datasets, listed, first)


def read_dataset(one: Json, first: bool) -> Dataset:
    name, source, target = of(one, "name", str), of(one, "source", dict), of(one, "target", dict)
    if source.get("container") is not None:
        prefix = of(source, "prefix", str, may_lack=True)
        place = {"bucket": of(source, "container", str), "prefix": prefix or ""}
    else:
        place = {"bucket": of(source, "path", str), "prefix": ""}
    include = of(one, "include", list, may_lack=True) or []
    exclude = of(one, "exclude", list, may_lack=True) or []
    return Dataset(
        name,
        place,
        {"bucket": of(target, "bucket", str), "prefix": of(target, "prefix", str)},
        [read_included(rule, first) for rule in include],
        [read_excluded(rule, first) for rule in exclude],
        all(isinstance(rule, str) for rule in include),
        one.get("ignore_md5") is None,
        read_as_of(source.get("versions")),
        source.get("versions") == "all",
    )


def read_as_of(versions: Json) -> str | None:
    """Section 7.5: the moment as of which versions are moved; none, of what is current."""
    if versions in (None, "current", "all"):
        return None
    need(isinstance(versions, dict), "plan: versions")
    need(is_whole_moment(versions.get("as_of")), "plan: as_of")
    return str(versions["as_of"])


# 7.3 The statement beside its plan ----------------------------------------------------------------


def check_signing_keys(told: Json, plan: Plan) -> None:
    """Hold the files of keys for signatures against those that the plan names."""
    whole, named = plan.whole, set()
    parts = [(whole.get(name) or {}, "keys") for name in ("approvals", "waivers")]
    parts += [(one.get("decommission") or {}, "trust") for one in whole.get("cutovers") or []]
    for part, name in parts:
        named |= {*(part.get(name) or [])}
    files = [one["file"] for one in told]
    need(files != [] and {*files} <= named, "signing_keys: files of no signatures")
    need(files == sorted({*files}), "signing_keys: not in order, or one twice")


def check_plan(predicate: Json, plan: Plan, sha256s: int) -> None:
    """Hold the statement against the plan; `sha256s`: of how many verified lines one is known."""
    need(same(plan.whole.get("migration"), predicate["migration"]), "migration: not the plan's")
    check_datasets(predicate["datasets"], plan)
    check_endpoints(predicate, plan)
    if "fences" in predicate:
        buckets = {one["target"]["bucket"] for one in predicate["datasets"]}
        need(sum(predicate["fences"].values()) == len(buckets), "fences: of other buckets")
    recipients = predicate["seal"]["recipients"]
    need(predicate["seal"]["format"] == plan.seal["format"], "seal: not the plan's format")
    need(len(recipients) == plan.recipients, "seal: not as many recipients")
    need(
        all(map(is_recipient[plan.detached], recipients)),
        "seal: a recipient that is no fingerprint",
    )
    need(("headers" in predicate["seal"]) == plan.detached, "seal: headers")
    need(len(set(recipients)) == len(recipients), "seal: a recipient twice")
    if "files" in predicate["seal"]:
        told = predicate["seal"]["files"]
        need([one["file"] for one in told] == plan.seal.get("recipients"), "seal: other files")
        need(
            sorted(one["recipient"] for one in told) == sorted(recipients), "seal: files of others"
        )
    if "signing_keys" in predicate:
        check_signing_keys(predicate["signing_keys"], plan)
    verification = predicate["verification"]
    need(verification["level"] == of(of(plan.whole, "verify", dict), "level", str), "level")
    taken = [verification[f"sha256_taken_in_{step}"] for step in ("transfer", "verify")]
    need(sum(taken) == sha256s, "verification: not as many digests")
    check_times(predicate)
    check_claims(predicate, plan)
    check_lists(predicate, plan)


def check_datasets(datasets: list[Json], plan: Plan) -> None:
    need(sorted(one["name"] for one in datasets) == sorted(plan.datasets), "datasets: others")
    listed = [(name, batch) for batch, names in plan.batches for name in names]
    need(all(isinstance(name, str) for name, _ in listed), "plan: a batch of no names")
    need(sorted(name for name, _ in listed) == sorted(plan.datasets), "plan: its batches")
    for one in datasets:
        planned = plan.datasets[one["name"]]
        need(same(one["source"], planned.source), "datasets: not the plan's source")
        need(same(one["target"], planned.target), "datasets: not the plan's target")
        need(one["batch"] == dict(listed)[one["name"]], "datasets: not in the plan's batch")


def check_endpoints(predicate: Json, plan: Plan) -> None:
    endpoints = predicate["endpoints"]
    local = [is_local(one["url"]) for one in endpoints]
    need([one["local"] for one in endpoints] == local, "endpoints: local")
    need(predicate["rehearsal"] == all(local), "rehearsal")
    need(len(endpoints) == 2, "endpoints: not two")
    source, target = endpoints
    kind = of(plan.source, "kind", str)
    url = "folder:" if kind == "folder" else of(plan.source, "account_url", str)
    need(kind != "azure-sftp" or url.startswith("sftp://"), "endpoints: no address of SFTP")
    told = [source[name] for name in ("side", "kind", "region", "url")]
    need(told == ["source", kind, None, url], "endpoints: not the plan's source")
    url = of(plan.target, "endpoint", str, may_lack=True)
    need(local[1] is False if url is None else target["url"] == url, "endpoints: another target")
    told = [target[name] for name in ("side", "kind", "region")]
    region = of(plan.target, "region", str, may_lack=True)
    provider = of(plan.target, "provider", str)
    need(told == ["target", provider, region], "endpoints: not the plan's target")


def is_local(url: str) -> bool:
    try:
        host = urlsplit(url).hostname
    except ValueError as error:
        raise Refused("endpoints: not a URL") from error
    host = (host or "").rstrip(".")
    if not host or host == "localhost" or host.endswith(".localhost"):
        return True
    address = address_of(host)
    if address is None:
        need(not "0" <= host.rpartition(".")[2][:1] <= "9", "endpoints: half an address")
        return False
    return is_own(address)


def check_times(predicate: Json) -> None:
    times = [predicate["times"][name] for name in ("started", "ended", "written")]
    known = [instant(one) for one in times if one is not None]
    seconds_of(predicate["times"]["written"])  # which it refuses if no calendar has it
    need(known == sorted(known), "times: descending")
    for pace in predicate["paces"]:
        spent = [known[0], instant(pace["started"]), instant(pace["ended"]), known[-1]]
        need(spent == sorted(spent), "paces: outside the run")
    steps = [pace["step"] for pace in predicate["paces"]]
    need(len(set(steps)) == len(steps), "paces: a step twice")


def check_claims(predicate: Json, plan: Plan) -> None:
    """Profile, attestation, capabilities and waivers."""
    target = predicate["endpoints"][1]
    profile, attestation = predicate["profile"], predicate["attestation"]
    capabilities = predicate["capabilities"]
    if profile is not None:
        need(same(profile.get("name"), plan.target["provider"]), "profile: another provider's")
    if attestation is not None:
        planned = plan.target.get("attestation")
        need(planned is not None, "attestation: the plan names none")
        need("reference" in attestation, "attestation: no reference")
        need(same(planned, attestation["reference"]), "attestation: not the plan's")
        need(not predicate["rehearsal"], "attestation: of a rehearsal")
        check_attested(attestation, plan, target)
    if capabilities is not None:
        need({"endpoint", "region"} <= capabilities.keys(), "capabilities: of no target")
        told = [capabilities["endpoint"], capabilities["region"]]
        need(same(told, [target["url"], target["region"]]), "capabilities: of another target")
    if plan.whole.get("waivers") is None:
        need(predicate["waivers"] == [], "waivers: the plan has none")
    for waiver in predicate["waivers"]:
        check_waiver(waiver, predicate["times"]["written"])


def check_attested(attestation: Json, plan: Plan, target: Json) -> None:
    """The host that is attested is the target, or is reached through an attested tunnel."""

    def bare(value: Json, name: str) -> str:
        return str(of(value, name, str)).rstrip("/")

    need(same(attestation.get("provider"), plan.target["provider"]), "attestation: provider")
    region = plan.target.get("region")
    regions = of(attestation, "regions", list)
    need(any(same(one, region) for one in regions), "attestation: region")
    address = bare(target, "url")
    wanted = [address]
    if target["local"]:
        tunnels = of(attestation, "tunnels", list)
        wanted = [bare(one, "leads_to") for one in tunnels if bare(one, "local") == address]
    need(len(set(wanted)) == 1, "attestation: no tunnel, or tunnels to several places")
    addresses = of(attestation, "endpoints", list)
    need(all(isinstance(one, str) for one in addresses), "attestation: endpoints")
    need(wanted[0] in {one.rstrip("/") for one in addresses}, "attestation: address")


WAIVER = {
    **dict.fromkeys(("what", "reason", "by", "file"), lambda told: isinstance(told, str) and told),
    "made_at": RULES["moment"],
    "until": matching(r"\d{4}-\d\d-\d\d"),
    "key_id": matching(r"ed25519:[0-9a-f]{16}"),
    "sha256": RULES["digest"],
}


def check_waiver(waiver: Json, written: str) -> None:
    need(waiver.keys() == WAIVER.keys(), "waivers: members")
    for name, rule in WAIVER.items():
        need(rule(waiver[name]), f"waivers: {name}")
    need(waiver["until"] >= written[:10], "waivers: one has ended")
    need(seconds_of(waiver["made_at"]) <= seconds_of(written) + 60, "waivers: of later")


STANDS_BESIDE = (
    *("metadata", "tags", "headers", "dates", "tier", "type", "pages", "owner", "encryption"),
    *("immutability", "lease", "other"),
)
KEPT = {"modified": {"manifest"}, **{what: {"ledger", "sidecar"} for what in STANDS_BESIDE}}


def check_lists(predicate: Json, plan: Plan) -> None:
    """Losses and cutovers."""
    tallies = {one["name"]: one["tally"] for one in predicate["datasets"]}
    lost = [(one["dataset"], one["what"]) for one in predicate["losses"]]
    need(len(set(lost)) == len(lost), "losses: one twice")
    for one in predicate["losses"]:
        need(one["dataset"] in tallies, "losses: of no dataset")
        tally = tallies[one["dataset"]]
        most = tally["verified"]["objects"] + tally["pending"]["objects"]
        need(1 <= one["objects"] <= most, "losses: of more objects than there are")
        known = plan.first or one["kept"] in KEPT.get(one["what"], ())
        need(known, "losses: not a property, or kept elsewhere")
    for name, tally in [] if plan.first else tallies.items():
        all_ = tally["verified"]["objects"] + tally["pending"]["objects"]
        own = [one["objects"] for one in predicate["losses"]
               if (one["dataset"], one["what"]) == (name, "modified")]  # fmt: skip
        need(own == ([all_] if all_ else []), "losses: modified")
    batches = [name for name, _ in plan.batches]
    for one in predicate["cutovers"]:
        need(isinstance(one.get("batch"), str) and one["batch"] in batches, "cutovers: batch")
        need(one.get("track") in ("cutover", "rehearsal"), "cutovers: track")
    pairs = [(one["batch"], one["track"]) for one in predicate["cutovers"]]
    need(len(set(pairs)) == len(pairs), "cutovers: one twice")
    for one in predicate["cutovers"]:
        if one["track"] == "cutover" and ("terms_changes" in one or not plan.first):
            check_terms(one, plan.first)
