"""Keeps what the page's templates were compiled to, where Python keeps what it compiled of ours.

To compile them takes a third of what a report of few objects takes otherwise. So it is done once,
as with Python's own files: kept beside the source, in `__pycache__`, by the first process that may
write there, and taken only if it was made of this source by this code, this Python and this Jinja.
Who could plant something there could write into the package itself.

`python -m hdh_migrate.evidence.page.compiled` compiles all of them, as `compileall` does with ours:
for places where nothing can be written later.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

from hdh_migrate.evidence.page.page_words import harmless
from hdh_migrate.software import code_digest


class CompiledTemplates(jinja2.BytecodeCache):
    """What templates that are files were compiled to, in files beside them."""

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return where it is kept; nowhere, if the template is no file."""
        del name
        return "" if filename is None else cache_from_source(filename, optimization="jinja")

    def get_source_checksum(self, source: str) -> str:
        """Return what a template must have been compiled of and by, to be taken.

        Our own code, too: what a template outputs whatever is told has passed it already.
        """
        parts = (source, code_digest(), jinja2.__version__, MAGIC_NUMBER.hex())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what is there, if it is of this template and whole."""
        with suppress(OSError):
            compiled = Path(bucket.key).read_bytes()
            head, code = compiled[:64], compiled[64:]
            if head == _head(bucket.checksum, code):
                bucket.code = marshal.loads(code)  # noqa: S302 - as Python does: see above

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it for the next process, unless nothing is to be written there."""
        if sys.dont_write_bytecode or not bucket.key:
            return
        code = marshal.dumps(bucket.code)
        with suppress(OSError):
            _put(Path(bucket.key), _head(bucket.checksum, code) + code)


def _head(checksum: str, code: bytes) -> bytes:
    return hashlib.sha256(checksum.encode() + code).hexdigest().encode()


def _put(path: Path, data: bytes) -> None:
    """Put a file there as a whole, not before the eyes of who reads it meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # What a kill leaves is not taken for a file of the package, whose digest evidence gives.
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".pyc")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(handle, 0o644)  # it holds no more than its source
        os.replace(name, path)  # noqa: PTH105 - of a name
    except BaseException:
        os.unlink(name)  # noqa: PTH108 - of a name
        raise


@cache
def environment() -> jinja2.Environment:
    """Return what gives the page's templates, compiled."""
    return jinja2.Environment(
        autoescape=True,
        finalize=harmless,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.PackageLoader("hdh_migrate.evidence.page"),
        bytecode_cache=CompiledTemplates(),
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


if __name__ == "__main__":
    for _name in environment().list_templates(extensions=["html"]):
        environment().get_template(_name)
