"""Writes compiled.json: what the profiles of the package say, so that no command has to read YAML.

`python -m hdh_migrate.targets.profiles.compiled` writes it; `--check` writes nothing and exits 1
when it is not what the profiles say. Either exits 3 when a profile is refused, and says where.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hdh_migrate.errors import Exit, PlanInvalid
from hdh_migrate.fixity import text_digest
from hdh_migrate.targets import profiles
from hdh_migrate.targets.profiles import COMPILED, written


def compiled(texts: Mapping[str, str] | None = None) -> str:
    """Return the file as it is to be, made of profiles by their names; default: the package's.

    Raises:
        PlanInvalid: a profile is refused; all of its problems are named.
    """
    if texts is None:
        texts = {name: profiles.text_of(name) for name in profiles.names()}
    found = {}
    for name, text in texts.items():
        found[name] = {
            "sha256": text_digest(text), "profile": written.shipped(name, text),
        }  # fmt: skip
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def main(arguments: Sequence[str] | None = None, texts: Mapping[str, str] | None = None) -> int:
    """Write the file, or say that it is stale; return the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when stale")
    path = Path(__file__).with_name(COMPILED)
    check = parser.parse_args(arguments).check
    try:
        wanted = compiled(texts)
    except PlanInvalid as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        sys.stderr.write(f"{path.name} was not written: all claims are in profiles/schema.py\n")
        return Exit.REFUSED
    if not check:
        path.write_text(wanted, encoding="utf-8")
    elif not path.is_file() or path.read_text(encoding="utf-8") != wanted:
        sys.stderr.write(f"{path.name} is stale: run python -m {__spec__.name}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
