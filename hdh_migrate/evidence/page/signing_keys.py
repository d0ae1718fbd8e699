"""Whose a key for signatures is: the file that held it, and the person to whom the plan gives that.

The statement tells what each file held when it was written, the plan whose the files are. Neither
proves it: a person is asked for his fingerprint.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from hdh_migrate.evidence.lines.planned import StatedByPeople, StatedParty
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.frozen import frozen_row


class SignedBy(NamedTuple):
    """What a page shows of the key that signs."""

    key_id: str
    fingerprint: str


@frozen_row
class KeyOwner:
    """What is told of one key; None where nothing is."""

    file: str | None = None
    person: StatedParty | None = None


def owner_of(key: str, predicate: Predicate, declared: StatedByPeople) -> KeyOwner:
    """Return whose a key is, by its fingerprint or by the id that is the beginning of that."""
    begins = key.removeprefix("ed25519:")
    for one in predicate.get("signing_keys", ()):
        if one["fingerprint"].startswith(begins):
            for person in declared.get("people", ()):
                if one["file"] in person.get("keys", ()):
                    return KeyOwner(one["file"], person)
            return KeyOwner(one["file"])
    return KeyOwner()


SIGNING_KEYS: Final[dict[str, Text]] = {
    "signing.person": Text("{file}, de {name} (déclaré)", "{file}, of {name} (as declared)"),
    "signing.from": Text(
        "À comparer avec celle que donne {name}, à qui le plan attribue cette clé, par une autre "
        "voie que ce dossier.",
        "Compare it with the one that {name}, to whom the plan gives this key, tells you by "
        "another route than this folder.",
    ),
    "signing.from.nobody": Text(
        "Le plan ne dit pas de qui la recevoir : à demander au responsable de traitement.",
        "The plan does not say from whom: ask the controller.",
    ),
}
