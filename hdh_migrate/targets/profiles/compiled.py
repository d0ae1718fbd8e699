"""Writes compiled.json: what the profiles of the package say, so that no command has to read YAML.

`python -m hdh_migrate.targets.profiles.compiled` writes it; `--check` writes nothing and exits 1
when it is not what the profiles say.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from hdh_migrate.targets import profiles
from hdh_migrate.targets.profiles import COMPILED, written


def compiled() -> str:
    """Return the file as it is to be."""
    found = {}
    for name in profiles.names():
        text = profiles.text_of(name)
        found[name] = {
            "sha256": profiles.digest_of(text), "profile": written.shipped(name, text),
        }  # fmt: skip
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file, or say that it is stale; return the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when stale")
    path = Path(__file__).with_name(COMPILED)
    if not parser.parse_args(arguments).check:
        path.write_text(compiled(), encoding="utf-8")
    elif not path.is_file() or path.read_text(encoding="utf-8") != compiled():
        sys.stderr.write(f"{path.name} is stale: run python -m {__spec__.name}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
