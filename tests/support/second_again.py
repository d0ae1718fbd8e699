"""Sections 8.5 and 8.6 for the second verifier: looks at the target, and sources listed again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.support.second_bodies import Event, are_ids, in_old_form
from tests.support.second_forms import (
    RULES,
    Json,
    instant,
    is_count,
    is_digest,
    is_integer,
    is_text,
    need,
    same,
    seconds_of,
)

FOUND = ("gone", "damaged", "replaced", "unread")
MAYBE = ("lost", "beside")
AMOUNTS = ("new", "changed", "vanished", "left")


def is_positive(value: Json) -> bool:
    return is_integer(value) and value >= 1


def is_sum(value: Json) -> bool:
    """Section 7.1."""
    return (
        isinstance(value, dict)
        and value.keys() == {"objects", "bytes"}
        and all(map(is_count, value.values()))
    )


# The forms of bodies ------------------------------------------------------------------------------

NUMBERED = {"looking-again", "looked-again", "look-ended", "refreshing", "refreshed",
            "refresh-ended"}  # fmt: skip


def check_again_form(event: Event, names: set[str], keyed: bool) -> None:
    """Section 8: the events of looks and passes."""
    kind, _, body = event
    if kind in NUMBERED:
        need(is_positive(body.get("number")), f"{kind}: number")
    if kind in NUMBERED or kind == "retrying":
        need(is_text(body.get("batch")), f"{kind}: batch")
    if kind in {"looking-again", "looked-again"}:
        need(RULES["level"](body.get("level")), f"{kind}: level")
    if kind == "looked-again":
        check_looked_form(body, keyed)
        if not keyed and "spans" in body:
            check_spans(body, 2, [one for name in found_in(body) for one in body[name]])
    elif kind == "refreshed":
        need(is_text(body.get("dataset")) and body["dataset"] in names, "refreshed: dataset")
        need(all(is_sum(body.get(name)) for name in AMOUNTS), "refreshed: a sum")
    elif kind == "refresh-ended":
        need(is_sum(body.get("listed")), "refresh-ended: listed")
    elif kind == "retrying":
        reasons = body.get("reasons")
        need(isinstance(reasons, dict) and reasons, "retrying: reasons")
        need(all(map(is_positive, body["reasons"].values())), "retrying: reasons")
    elif kind == "restored" and not keyed:
        need(is_integer(body.get("id")), "restored: id")


def check_looked_form(body: dict[str, Json], keyed: bool) -> None:
    need(RULES["moment"](body.get("at")), "looked-again: at")
    need(is_positive(body.get("objects")), "looked-again: objects")
    names = found_in(body)
    for name in names:
        form = is_count if keyed else are_ids
        need(form(body.get(name)), f"looked-again: {name}")
    if not keyed:  # none of the ids of these lists twice
        every = [one for name in names for one in body[name]]
        need(len(set(every)) == len(every), "looked-again: an id twice")
    need(sum(many(body, name, keyed) for name in names) <= body["objects"],
         "looked-again: more than its objects")  # fmt: skip


def check_spans(body: dict[str, Json], width: int, found: list[int]) -> list[tuple[int, int]]:
    """Demand that what was read, and what was found of it, lies in an event's `spans`."""
    need(isinstance(body.get("spans"), list), "spans: no list")
    spans = list(body["spans"])
    need(all(isinstance(one, list) and len(one) == width for one in spans), "spans: other members")
    ends = [(one[0], one[1]) for one in spans]
    need(all(is_integer(a) and is_integer(b) and a <= b for a, b in ends), "spans: no ids")
    need(body["objects"] <= sum(b - a + 1 for a, b in ends), "spans: more was read than is there")
    need(all(any(a <= one <= b for a, b in ends) for one in found), "spans: of others")
    return ends


def found_in(body: dict[str, Json]) -> list[str]:
    """Return what a look tells of: `lost` only once something was deleted at the source."""
    return [*FOUND, *(name for name in MAYBE if name in body)]


def many(body: dict[str, Json], name: str, keyed: bool) -> int:
    return int(body[name]) if keyed else len(body[name])


# Numbers ------------------------------------------------------------------------------------------


@dataclass
class Turn:
    """One look, or one pass, of a batch."""

    number: int
    level: str | None
    ended: bool = False
    told: list[dict[str, Json]] = field(default_factory=list)
    said: dict[str, Json] | None = None
    """What ended it."""


KINDS = {  # what begins one, what tells of it, what ends it
    "looks": ("looking-again", "looked-again", "look-ended"),
    "passes": ("refreshing", "refreshed", "refresh-ended"),
    "adoptions": ("adopting", "adopted", "adopted-batch"),
}


def turns_of(events: list[Event], which: str) -> dict[str, list[Turn]]:
    """Return the looks, or the passes, of each batch; each event belongs to its batch's last."""
    begins, tells, ends = KINDS[which]
    found: dict[str, list[Turn]] = {}
    for kind, _, body in events:
        if kind not in KINDS[which]:
            continue
        turns = found.setdefault(body["batch"], [])
        level = body.get("level") if which == "looks" else None
        open_ = bool(turns) and not turns[-1].ended
        # a look at another level begins beside one that has not ended; a pass goes on with it
        if kind == begins and body["number"] == len(turns) + 1 and (which == "looks" or not open_):
            turns.append(Turn(body["number"], level))
            continue
        need(open_ and body["number"] == turns[-1].number, f"{kind}: not of the one under way")
        need(kind == ends or level == turns[-1].level, f"{kind}: at another level")
        if kind == tells:
            turns[-1].told.append(body)
        turns[-1].ended = kind == ends
        turns[-1].said = body if kind == ends else None
    return found


# 8.8 Adoptions ------------------------------------------------------------------------------------


def check_adoptions(events: list[Event], keyed: bool) -> None:
    """What an `adopted-batch` says to have proved good is no more than what was taken over."""
    if keyed:
        return
    for kind, _, body in events:
        if kind in KINDS["adoptions"]:
            need(is_text(body.get("batch")), f"{kind}: batch")
            need(is_integer(body.get("number")), f"{kind}: number")
        if kind == "adopted":
            ids = body.get("ids")
            need(isinstance(ids, list) and all(map(is_integer, ids)), "adopted: ids")
            need(is_text(body.get("ledger")), "adopted: ledger")
            need("statement" in body, "adopted: statement")
        if kind == "adopting":
            need(isinstance(body.get("journals"), list), "adopting: journals")
            for one in body["journals"]:
                check_journal_seen(one)
        if kind == "adopted-batch":
            need(is_count(body.get("adopted")), "adopted-batch: adopted")
    for turns in turns_of(events, "adoptions").values():
        for turn in turns:
            taken = sum(len(told["ids"]) for told in turn.told)
            need(turn.said is None or turn.said["adopted"] <= taken, "adopted-batch: too many")
    check_whose(events)
    check_good(events)


def check_good(events: list[Event]) -> None:
    """What an adoption says to have proved good was left by a ledger that is known to be ours."""
    own: Json = None
    ours: set[Json] = set()
    taken: dict[Json, list[tuple[Json, int]]] = {}
    for kind, _, body in events:
        if kind == "ledger-named":
            own = body.get("ledger")
            need(is_text(own), "ledger-named: ledger")
        elif kind == "ledger-adopted":
            ours |= {body["ledger"]}
        elif kind == "adopted":
            taken.setdefault(body["batch"], []).append((body["ledger"], len(body["ids"])))
        elif kind == "adopted-batch":
            told = taken.pop(body["batch"], [])
            known = sum(many for name, many in told if name in {own, *ours})
            need(
                own is None or body["adopted"] <= known, "adopted-batch: of whose ledger is unknown"
            )


def check_journal_seen(one: Json) -> None:
    members = {"ledger", "events", "head", "statement"}
    need(isinstance(one, dict) and one.keys() == members, "adopting: journals")
    need(one["ledger"] is None or is_text(one["ledger"]), "adopting: a journal's ledger")
    need(is_count(one["events"]) and is_digest(one["head"]), "adopting: a journal's end")
    need(one["statement"] is None or is_digest(one["statement"]), "adopting: a statement")


def check_whose(events: list[Event]) -> None:
    """Where adopted objects and other ledgers come from, and that they are sent next."""
    beside: dict[Json, set[tuple[Json, Json]]] = {}
    adopted: list[tuple[Json, set[int]]] = []
    waiting: set[int] = set()
    named: set[Json] = set()
    for kind, _, body in events:
        if kind == "adopting":
            beside[body["batch"]] = {
                (one["ledger"], one["statement"])
                for one in body["journals"]
                if one["statement"] is not None
            }
            named_in = {("bundle", *one) for one in beside[body["batch"]]}
            adopted += [(one, set()) for one in named_in]
        elif kind == "adopted":
            known = {statement for _, statement in beside[body["batch"]]}
            need(body["statement"] in {None, *known}, "adopted: by a bundle that was not there")
            adopted.append((body["ledger"], {*body["ids"]}))
            waiting |= {*body["ids"]}
        elif kind == "sent":
            need(waiting <= {*body["ids"]}, "adopted: not sent next")
            waiting = set()
        elif kind == "ledger-adopted":
            check_named(body, adopted, named)
            named |= {body["ledger"]}
    need(not waiting, "adopted: never sent")


def check_named(
    body: dict[str, Json], adopted: list[tuple[Json, set[int]]], named: set[Json]
) -> None:
    need(is_text(body.get("ledger")), "ledger-adopted: ledger")
    need({"statement", "object"} <= body.keys(), "ledger-adopted: members")
    need(body["ledger"] not in named, "ledger-adopted: twice")
    if body["object"] is None:
        there = ("bundle", body["ledger"], body["statement"])
        need(there in [one for one, _ in adopted], "ledger-adopted: no bundle names it")
        return
    need(body["statement"] is None, "ledger-adopted: two reasons")
    need(is_integer(body["object"]), "ledger-adopted: object")
    objects = [body["object"] in ids for ledger, ids in adopted if ledger == body["ledger"]]
    need(any(objects), "ledger-adopted: by no object of its")


# Fences -------------------------------------------------------------------------------------------

FENCES = ("fence-taking", "fence-taken", "fence-releasing", "fence-released")


def check_fences(events: list[Event]) -> None:
    """Each is of the last that its bucket was to have, and no epoch comes before a later one."""
    put: dict[Json, tuple[Json, Json]] = {}
    held = [0]
    for kind, _, body in events:
        if kind not in FENCES:
            continue
        need(is_text(body.get("bucket")) and is_text(body.get("nonce")), f"{kind}: members")
        need(is_count(body.get("epoch")), f"{kind}: epoch")
        told = (body["epoch"], body["nonce"])
        if kind == "fence-taking":
            put[body["bucket"]] = told
            later = body["epoch"] > max(held) or "reason" not in body
            need(later and body["epoch"] >= max(held), "fence-taking: an epoch that is over")
        if kind == "fence-taking" and "over" in body:
            need(isinstance(body.get("reason"), str), "fence-taking: over somebody for no reason")
            over = body["over"]
            need(isinstance(over, dict) and is_count(over.get("epoch")), "fence-taking: over")
            need(over["epoch"] < body["epoch"], "fence-taking: over a later one")
        need(put.get(body["bucket"]) == told, f"{kind}: of another fence")
        if kind == "fence-taken":
            held.append(body["epoch"])


# 8.5 Looks ----------------------------------------------------------------------------------------


BATCHES = {
    *KINDS["looks"], *KINDS["passes"], *KINDS["adoptions"], "retrying", "restored", "restoring",
    "accepted", "headers-copied", "rehydration-asking", "rehydration-asked",
}  # fmt: skip


def check_batches_known(predicate: Json, events: list[Event]) -> None:
    """What is told of a batch is told of one of the plan's, and of its own datasets."""
    batches = {one["name"]: one["batch"] for one in predicate["datasets"]}
    for kind, _, body in events:
        if kind in BATCHES:
            need(body.get("batch") in [*batches.values()], f"{kind}: of no batch of the plan")
        if kind == "refreshed":
            need(batches[body["dataset"]] == body["batch"], "refreshed: a dataset of another batch")


def check_moments(events: list[Event]) -> None:
    """What was read again was read after its look began, and before it was told."""
    began: dict[Json, str] = {}
    for kind, at, body in events:
        if kind == "looking-again":
            began[body["batch"]] = at
        elif kind == "looked-again":
            read = seconds_of(body["at"])
            need(read <= seconds_of(at) + 60, "looked-again: at: later than it was told")
            need(read + 3600 >= seconds_of(began[body["batch"]]), "looked-again: at: before it")


def check_looks(predicate: Json, events: list[Event], keyed: bool) -> None:
    looks = turns_of(events, "looks")
    check_moments(events)
    if not keyed:
        check_dropped(events)
    check_lost(events, keyed)
    made = []
    for batch in sorted(looks):
        told = [look for look in looks[batch] if look.told]
        if told:
            made.append(stated(batch, told[-1], keyed))
    need(("looks" in predicate) == bool(made), "looks: there or not")
    said = predicate.get("looks", [])
    for one in said:
        need(isinstance(one, dict), "looks: no object")
    bare = [{name: one[name] for name in one if name != "absent"} for one in said]
    need(same(bare, made), "looks: not what was told")
    for one in said:
        if "absent" in one:
            check_absent(one["absent"], one["batch"], predicate, events, keyed)


def absences(batch: str, events: list[Event]) -> tuple[int, int]:
    """Return how many objects looks found gone or damaged, and how many were verified since."""
    found: dict[int, bool] = {}
    for kind, _, body in events:
        if kind == "looked-again" and body["batch"] == batch:
            found |= dict.fromkeys([*body["gone"], *body["damaged"]], False)
        elif kind == "verified":
            found |= dict.fromkeys(found.keys() & {*body["ids"]}, True)
    return len(found), sum(found.values())


def check_absent(
    absent: Json, batch: str, predicate: Json, events: list[Event], keyed: bool
) -> None:
    objects, back, missing = (absent[name] for name in ("objects", "back", "missing"))
    rows = [one["tally"] for one in predicate["datasets"] if one["batch"] == batch]
    failed, pending, excluded = (
        sum(row[state]["objects"] for row in rows) for state in ("failed", "pending", "excluded")
    )
    if keyed:
        most = sum(
            body["gone"] + body["damaged"]
            for kind, _, body in events
            if kind == "looked-again" and body["batch"] == batch
        )
        need(0 < objects <= most, "absent: more than looks told of")
    else:
        need(objects > 0, "absent: nothing was")
        need((objects, back) == absences(batch, events), "absent: not what was told")
    need(missing <= failed + pending, "absent: more than waits")
    need(0 <= objects - back - missing <= excluded, "absent: more than was left behind")


def stated(batch: str, look: Turn, keyed: bool) -> dict[str, Json]:
    """Return what the statement says of a look."""
    return {
        "batch": batch,
        "number": look.number,
        "level": look.level,
        "at": min((body["at"] for body in look.told), key=instant),
        "objects": sum(body["objects"] for body in look.told),
        **{
            name: sum(many(body, name, keyed) for body in look.told if name in body)
            for name in [*FOUND, *MAYBE]
            if any(name in body for body in look.told)
        },
        "ended": look.ended,
    }


def check_lost(events: list[Event], keyed: bool) -> None:
    """Nothing is lost for good before something of its batch was to be deleted at the source."""
    erasing: set[str] = set()
    for kind, _, body in events:
        if kind == "cutover-erasing":
            erasing |= {body["batch"]}
        elif kind == "looked-again" and "lost" in body:
            need(body["batch"] in erasing, "looked-again: lost, and nothing was deleted")
            again = sum(many(body, name, keyed) for name in ("gone", "damaged", "replaced"))
            need(again == 0, "looked-again: lost, and to be sent again")


def check_dropped(events: list[Event]) -> None:
    """What the target lost is verified no more."""
    dropped: set[int] = set()
    for kind, _, body in events:
        if kind == "superseded" and not in_old_form(kind, body):
            dropped |= {*body["dropped"]}
        elif kind in {"looked-again", "restored", "headers-exchanged"}:
            if kind == "headers-exchanged":
                lost = body["ids"] + body["lost"]
            else:
                lost = body["gone"] + body["damaged"] if kind == "looked-again" else [body["id"]]
            need(dropped >= {*lost}, f"{kind}: what is lost is verified still")
            dropped = set()


# 8.6 Sources listed again -------------------------------------------------------------------------


def check_passes(events: list[Event], keyed: bool) -> None:
    turns_of(events, "passes")
    inventoried: set[str] = set()
    told: Counter[tuple[str, str]] = Counter()
    retrying = retried = 0
    for kind, _, body in events:
        if kind == "inventoried" and not in_old_form(kind, body):
            inventoried |= {body["dataset"]}
        elif kind == "refreshed":
            need(body["dataset"] in inventoried, "refreshed: of no inventory")
            check_amounts(body)
            for name in ("new", "left"):
                told[name, body["dataset"]] += body[name]["objects"]
        elif kind == "inventory-changed":
            for name in body.keys() - {"dataset", "left_out"}:
                told[name, body["dataset"]] += many(body, name, keyed)
        elif kind == "retrying":
            retrying += sum(body["reasons"].values())
        elif kind == "retried":
            retried += body["objects"] if keyed else len(body["ids"])
    for name in inventoried:
        need(told["left", name] <= told["changed_excluded", name], "refreshed: more left than went")
        came = told["joined", name] + told["changed_included", name]
        need(told["new", name] <= came, "refreshed: more new than came")
    need(retrying <= retried, "retrying: more than were retried")


def check_amounts(body: dict[str, Json]) -> None:
    need(any(body[name]["objects"] for name in AMOUNTS), "refreshed: of nothing")
    for one in ("objects", "bytes"):
        need(body["left"][one] <= body["vanished"][one], "refreshed: more left than vanished")
