"""Sections 7.3 and 7.5 to 7.7 for the second verifier: statement and lines beside the plan."""

from __future__ import annotations

from collections.abc import Iterator
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
    raw_key,
    same,
    seconds_of,
)

NOTHING = sha256().hexdigest()
NOTHING_MD5 = md5(usedforsecurity=False).hexdigest()
DIRECTORY = ("directory", "a directory of a hierarchical namespace: it has no content")
NOT_INCLUDED = ("not included", "it matches none of the dataset's `include` globs")
is_keyed_name = matching(r"k:[0-9a-f]{64}")
is_recipient = matching(r"c4gh:[0-9a-f]{16}")


# What is asked of a plan --------------------------------------------------------------------------


@dataclass
class Dataset:
    """A dataset as the canonical plan has it."""

    name: str
    source: dict[str, Json]
    target: dict[str, Json]
    include: list[list[Token]]
    exclude: list[tuple[str, str, list[Token]]]
    checks_md5: bool


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
        [tokens(glob, first) for glob in include],
        [
            (
                f"exclude {of(rule, 'glob', str)}",
                of(rule, "reason", str),
                tokens(rule["glob"], first),
            )
            for rule in exclude
        ],
        one.get("ignore_md5") is None,
    )


# 7.3 The statement beside its plan ----------------------------------------------------------------


def check_plan(predicate: Json, plan: Plan, sha256s: int) -> None:
    """Hold the statement against the plan; `sha256s`: of how many verified lines one is known."""
    need(same(plan.whole.get("migration"), predicate["migration"]), "migration: not the plan's")
    check_datasets(predicate["datasets"], plan)
    check_endpoints(predicate, plan)
    recipients = predicate["seal"]["recipients"]
    need(predicate["seal"]["format"] == plan.seal["format"], "seal: not the plan's format")
    need(len(recipients) == plan.recipients, "seal: not as many recipients")
    need(all(map(is_recipient, recipients)), "seal: a recipient that is no fingerprint")
    need(len(set(recipients)) == len(recipients), "seal: a recipient twice")
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


KEPT = {"modified": "manifest", **dict.fromkeys(("headers", "tier", "metadata", "tags"), "ledger")}


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
        known = plan.first or KEPT.get(one["what"]) == one["kept"]
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
            check_terms(one)


# 7.5 The lines beside the plan --------------------------------------------------------------------


def check_lines(predicate: Json, plan: Plan, lines: dict[str, list[Json]]) -> None:
    keyed = predicate["names"] == "keyed"
    moved, left = lines["manifest.jsonl"], lines["exclusions.jsonl"]
    for number, line in enumerate(moved, start=1):
        where = f"manifest.jsonl line {number}"
        dataset = plan.datasets[line["dataset"]]
        need(line["bucket"] == dataset.target["bucket"], f"{where}: bucket")
        if keyed:
            need(is_keyed_name(line["key"]), f"{where}: key")
            need(is_keyed_name(line["target_key"]), f"{where}: target_key")
            need(line["source_md5"] is None, f"{where}: source_md5")
        else:
            name = below(dataset, line, where)
            there = octets(dataset.target["prefix"]) + name + octets(plan.suffix)
            need(raw_key(line, "target_key") == there, f"{where}: target_key")
            need(rule_for(dataset, name) is None, f"{where}: a rule leaves it behind")
        if line["verified_at"] is not None:
            started, written = (predicate["times"][name] for name in ("started", "written"))
            at = instant(line["verified_at"])
            need(started is None or at >= instant(started), f"{where}: verified before the run")
            need(at <= instant(written), f"{where}: verified after the bundle was written")
        if line["verdict"] == "match":
            check_match(line, plan, keyed, where)
            if dataset.checks_md5 and line["source_md5"] is not None:
                nothing = line["source_md5"] == NOTHING_MD5
                need(nothing == (line["size"] == 0), f"{where}: source_md5 of nothing")
    verified = [line for line in moved if line["verdict"] == "match"]
    places = {(line["bucket"], raw_key(line, "target_key")) for line in verified}
    need(keyed or len(places) == len(verified), "manifest.jsonl: two objects at one place")
    for number, line in enumerate(left, start=1):
        where = f"exclusions.jsonl line {number}"
        check_exclusion(line, plan.datasets[line["dataset"]], keyed, where)
        if (line["rule"], line["reason"]) == DIRECTORY:
            need(plan.source["kind"] == "azure-blob", f"{where}: a source without directories")


def below(dataset: Dataset, line: Json, where: str) -> bytes:
    key, prefix = raw_key(line), octets(dataset.source["prefix"])
    need(key.startswith(prefix), f"{where}: not under the source prefix")
    return key[len(prefix) :]


def octets(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Refused("plan: a prefix or suffix that no key can have") from None


def check_match(line: Json, plan: Plan, keyed: bool, where: str) -> None:
    need(line["level"] == plan.whole["verify"]["level"], f"{where}: level")
    size, crypted = line["size"], plan.seal["format"] == "crypt4gh"
    stored = 16 + 108 * plan.recipients + size + 28 * -(-size // 65536) if crypted else size
    need(line["stored_size"] in (None, stored), f"{where}: stored_size")
    plain, at_target = line["sha256"], line["stored_sha256"]
    if plain is not None and not keyed:
        need((plain == NOTHING) == (size == 0), f"{where}: sha256 of nothing")
    if at_target is not None:
        need((at_target == NOTHING) == (stored == 0), f"{where}: stored_sha256 of nothing")
    if plain is not None and at_target is not None and not keyed:
        need((plain == at_target) != crypted, f"{where}: the two digests")


# 7.6 Exclusions beside the plan -------------------------------------------------------------------

Token = tuple[str, str]
ESCAPED = "*?[]{}!\\"


def check_exclusion(line: Json, dataset: Dataset, keyed: bool, where: str) -> None:
    told = (line["rule"], line["reason"])
    if keyed:
        need(is_keyed_name(line["key"]), f"{where}: key")
        allowed = {DIRECTORY, *((rule, reason) for rule, reason, _ in dataset.exclude)}
        allowed |= {NOT_INCLUDED} if dataset.include else set()
        need(told in allowed, f"{where}: not a rule of the dataset")
    else:
        applies = rule_for(dataset, below(dataset, line, where))
        need(told in (DIRECTORY, applies), f"{where}: not the rule that applies")
    need(told != DIRECTORY or line["size"] == 0, f"{where}: a directory that has a size")


def rule_for(dataset: Dataset, name: bytes) -> tuple[str, str] | None:
    """Return rule and reason by which this name is left behind, if it is not a directory."""
    signs = characters(name)
    if dataset.include and not any(matches(glob, signs) for glob in dataset.include):
        return NOT_INCLUDED
    for rule, reason, glob in dataset.exclude:
        if matches(glob, signs):
            return rule, reason
    return None


def characters(name: bytes) -> list[str]:
    """Give the characters of a name; a byte that is none is two, which is no character at all."""
    text = name.decode("utf-8", "surrogateescape")
    return [f"byte {one!a}" if "\udc80" <= one <= "\udcff" else one for one in text]


def tokens(glob: Json, first: bool) -> list[Token]:
    need(isinstance(glob, str) and glob, "plan: a glob")
    need(first or not glob.startswith("!"), "plan: a glob")
    return list(split(glob, first))


def split(glob: str, first: bool) -> Iterator[Token]:
    at = 0
    while at < len(glob):
        if glob.startswith("**/", at):
            yield "folders", ""
            at += 3
        elif glob.startswith("**", at):
            yield "any", ""
            at += 2
        elif glob[at] in "*?":
            yield {"*": "some", "?": "one"}[glob[at]], ""
            at += 1
        elif first:
            yield "this", glob[at]
            at += 1
        else:
            escaped = glob[at] == "\\"
            at += escaped
            special = at < len(glob) and glob[at] in ESCAPED
            need(special if escaped else glob[at] not in "[]{}", "plan: a glob")
            yield "this", glob[at]
            at += 1


def matches(glob: list[Token], name: list[str]) -> bool:
    """Follow all ways at once: `reached` are the places in the name that the glob can be at."""
    reached = {0}
    for kind, sign in glob:
        after: set[int] = set()
        for at in reached:
            if kind == "folders":
                after |= {at, *(to + 1 for to in range(at, len(name)) if name[to] == "/")}
            elif kind == "any":
                after |= set(range(at, len(name) + 1))
            elif kind == "some":
                end = next((to for to in range(at, len(name)) if name[to] == "/"), len(name))
                after |= set(range(at, end + 1))
            elif at < len(name) and (name[at] != "/" if kind == "one" else name[at] == sign):
                after.add(at + 1)
        reached = after
    return len(name) in reached


# 7.7 Findings -------------------------------------------------------------------------------------


def check_findings(predicate: Json, plan: Plan, lines: dict[str, list[Json]]) -> None:
    there = {
        (line["dataset"], raw_key(line))
        for name in ("manifest.jsonl", "exclusions.jsonl")
        for line in lines[name]
    }
    written = instant(predicate["times"]["written"])
    for number, line in enumerate(lines["findings.jsonl"], start=1):
        where = f"findings.jsonl line {number}"
        need(line["dataset"] is None or line["dataset"] in plan.datasets, f"{where}: dataset")
        if line["key"] is not None:
            need((line["dataset"], raw_key(line)) in there, f"{where}: of no object")
        need(line["at"] is None or instant(line["at"]) <= written, f"{where}: at")
