"""Try a plan's rules before any run: on a bounded listing of the source, or on a report of it."""

from __future__ import annotations

from functools import partial

from hdh_migrate.errors import Refused
from hdh_migrate.model import State, Tally
from hdh_migrate.pipeline.rules.tried import RuleTrial
from hdh_migrate.plan.datasets import Dataset
from hdh_migrate.results import Amount
from hdh_migrate.results.plans import TriedDataset, TriedRule
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.choices import Choices, said
from hdh_migrate.wiring import Services


def sampled(desk: Desk, objects: int) -> list[TriedDataset]:
    """List at most so many objects of each dataset and say what its rules make of them.

    Raises:
        AccessDenied, AuthFailed, Missing: the source does not let us list, or has no such place.
    """
    services, choices = desk.services(write=False, looks=False), Choices.of(desk)
    return [_sampled(desk, services, choices, one, objects) for one in desk.loaded.plan.datasets]


def _sampled(
    desk: Desk, services: Services, choices: Choices, dataset: Dataset, most: int
) -> TriedDataset:
    place = dataset.source.place
    trial = RuleTrial(rules=choices.rules[dataset.name], prefix=place.prefix)
    pages = services.source.pages(place)
    whole = False
    while trial.objects.objects < most and not whole:
        page = next(pages, None)
        if page is None:
            break
        whole = page.marker is None
        room = most - trial.objects.objects
        trial.take(page.objects[:room], partial(choices.decide, dataset.name))
        whole = whole and len(page.objects) <= room
        if desk.stop.is_set():
            raise KeyboardInterrupt
    if "tags" in trial.rules.asks and services.source.untagged(place) is not None:
        raise Refused(
            f"dataset {dataset.name}: its rules ask for index tags, and the listing came without",
            hint="give the credential the right to read tags (sp=t)",
        )
    return tried(dataset, trial, choices, whole=whole)


def tried(dataset: Dataset, trial: RuleTrial, choices: Choices, *, whole: bool) -> TriedDataset:
    """Return what came of a trial, in words; `whole`: of all that the dataset has."""
    rules = [
        _rule(dataset, trial, place, whole=whole)
        for place in ("directory", "include", *trial.rules.placed)
        if place in trial.rules.placed or trial.decided.get(place)
    ]
    left = trial.states.get(State.EXCLUDED, Tally())
    return {
        "dataset": dataset.name,
        "looked_at": _amount(trial.objects),
        "whole": whole,
        "moved": _amount(trial.states.get(State.LISTED, Tally())),
        "left_behind": _amount(left),
        "refused": _amount(trial.states.get(State.REFUSED, Tally())),
        "not_moved": _amount(trial.states.get(State.FAILED, Tally())),
        "codes": dict(sorted(trial.codes.items())),
        "rules": rules,
        "ages_count_from": trial.rules.moment,
        "ages_fixed": dataset.name in choices.fixed,
    }


def _rule(dataset: Dataset, trial: RuleTrial, place: str, *, whole: bool) -> TriedRule:
    asks, reason = said(dataset, place)
    return {
        "rule": place,
        "asks": asks,
        "reason": reason,
        "decided": _amount(trial.decided.get(place, Tally())),
        "matched": trial.matched[place] if place in trial.rules.placed else 0,
        "unused": place in trial.rules.placed
        and not trial.matched[place]
        and place not in trial.rules.allowed_unused,
        "keys_lacking": trial.lacking(place) if whole and place in trial.rules.placed else 0,
    }


def _amount(tally: Tally) -> Amount:
    return {"objects": tally.objects, "bytes": tally.size}
