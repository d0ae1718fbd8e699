"""Forge bundles of a seed: `python -m tests.campaign.forging --help`.

The last line says how many changes were tried. Exit code 1: the two verifiers differ, or both take
what the table "by word alone" does not say.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.campaign.forging import corpora, word
from tests.campaign.forging.judging import Forger, Judged
from tests.campaign.forging.walk import MemberOf
from tests.campaign.kinds import LifeKind
from tests.campaign.life import Broken
from tests.campaign.lives import quick_folder


def main() -> int:
    """Forge as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.02, help="of all changes, those tried")
    parser.add_argument("--bundle", action="append", help="this one; may be given again")
    parser.add_argument("--of", help="members of this kind of event, or file, alone")
    parser.add_argument("--write", action="store_true", help="renew the record and the table")
    parser.add_argument("--afresh", action="store_true", help="forget what the record has")
    given = parser.parse_args()
    dice = random.Random(given.seed)
    kinds = list(LifeKind)
    life = kinds[given.seed % len(kinds)].seed(given.seed)
    bundles = given.bundle or [*corpora.WORLDS, str(life)]
    judged = Judged()

    def wanted(member: MemberOf, _: str) -> bool:
        return given.of in (None, member.where) and dice.random() < given.share

    with tempfile.TemporaryDirectory(prefix="forging-", dir=quick_folder()) as name:
        for bundle in bundles:
            try:
                desk = corpora.desk_of(Path(name) / bundle, bundle)
            except Broken as broken:
                sys.stderr.write(f"{bundle}: {broken}\n")
                continue
            Forger(bundle, desk, given.seed).judge(judged, wanted)
            sys.stderr.write(f"{bundle}: {judged.cases} changes\n")
    record = {} if given.afresh else word.read()
    new = [] if given.write else word.unlisted(record, judged)
    if given.write:
        word.write(word.joined(record, judged))
    said = [f"differ: {one}" for one in judged.apart] + [f"not in the table: {one}" for one in new]
    sys.stdout.write("".join(f"{one}\n" for one in said))
    sys.stdout.write(f"{judged.cases} changes, {judged.cases - len(said)} as the table says\n")
    return int(bool(said))


if __name__ == "__main__":
    raise SystemExit(main())
