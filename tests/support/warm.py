"""What commands import and build sooner or later: once, by the server that forks for them."""

from __future__ import annotations

import ctypes
import gc
import importlib
import mmap
import pkgutil
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3.session
import botocore.session
import jinja2
import pycurl
import rich.progress
import rich.table

import hdh_migrate
from hdh_migrate import jsonform, telemetry
from hdh_migrate.cli import app, menu
from hdh_migrate.engines import wire
from hdh_migrate.evidence.page import page_words
from hdh_migrate.evidence.page.catalogue import CATALOGUE
from hdh_migrate.evidence.page.compiled import environment
from hdh_migrate.evidence.page.references import references
from hdh_migrate.evidence.page.text import LANGUAGES
from hdh_migrate.evidence.verifier import forms
from hdh_migrate.jsonform import JsonForm
from hdh_migrate.plan import loader, template
from hdh_migrate.plan.origins import Section
from hdh_migrate.software import code_digest
from hdh_migrate.targets import profiles, s3_endpoint
from hdh_migrate.wiring.chosen import profile_of
from tests.support import command, here

_THIRD = (boto3.session, botocore.session, jinja2, pycurl, rich.progress, rich.table)
_OURS = (template, command, here)
_PLAN = Path(__file__).parents[2] / "plans" / "azure-to-ovhcloud.yaml"


def _derived(base: type) -> Iterator[type]:
    one: type
    for one in type.__subclasses__(base):
        yield one
        yield from _derived(one)


for _found in pkgutil.walk_packages(hdh_migrate.__path__, "hdh_migrate."):
    if not _found.name.endswith("__main__"):
        importlib.import_module(_found.name)

# The schema of plans and the `__init__` of a noun are built when one is first used.
_loaded = loader.load(_PLAN)
profile_of(_loaded.plan, _loaded.base)
_sections = [Section]
for _section in _sections:
    _section.model_rebuild()
    _sections += _section.__subclasses__()
for _noun in _derived(object):
    if str(_noun.__module__).startswith("hdh_migrate.") and "__dataclass_fields__" in vars(_noun):
        with suppress(TypeError):  # what makes its `__init__` is its first call, right or wrong
            _noun(no_such_field=None)
_all = [JsonForm]
for _form in _all:
    jsonform._members(_form)
    jsonform._defaults(_form)
    _all += _form.__subclasses__()

# What a process reads or builds once: the page's templates cost more than a run of few objects.
for _name in environment().list_templates(extensions=["html"]):
    environment().get_template(_name)
references()
for _text in CATALOGUE.values():
    for _language in LANGUAGES:
        for _singular in (True, False):
            page_words._written(_text, _language, singular=_singular)
code_digest()
for _name in profiles.names():
    profiles.load(_name)
# The SDK's models of S3.
s3_endpoint._session().create_client(
    "s3", region_name="r", aws_access_key_id="k", aws_secret_access_key="s"
)

# Patterns that belong to no module, and what a first message is written and read by.
for _fields in (forms.RECORD, forms.EVENT):
    forms.plain_line(_fields)
forms.seconds("2026-01-01T00:00:00Z")
for _vocabulary in (wire.TO_WORKER, wire.FROM_WORKER):
    for _, _row in _vocabulary._rows.values():
        assert (_row._raw, _row._write, _row._read, _row._put) is not None

# Who sets a level has every logger forget what it worked out; there are a thousand here.
telemetry.set_up_logging(0)

_verbs: list[Any] = [app._command()]
for _verb in _verbs:
    if isinstance(_verb, menu.Menu):
        _named = (*_verb.list_commands(None), _verb.default)
        _verbs += [_verb.get_command(None, _name) for _name in _named if _name]
    for _param in _verb.params:
        _param.get_runtime_param()

gc.freeze()

# A fork copies an entry for every page, and its end takes them down: in large pages, half of that.
# A kernel that does not (before Linux 6.1, or not asked to) leaves them as they are.
_LARGE, _COLLAPSE = 2 << 20, 25
_advise = ctypes.CDLL(None).madvise
for _begin, _end in re.findall(
    r"^(\w+)-(\w+) rw-p 0+ 00:00 0 *(?:\[heap\])?$",
    Path("/proc/self/maps").read_text(),
    re.MULTILINE,
):
    _first, _behind = -(-int(_begin, 16) // _LARGE) * _LARGE, int(_end, 16) // _LARGE * _LARGE
    if _first < _behind:
        for _advice in (mmap.MADV_HUGEPAGE, _COLLAPSE):
            _advise(ctypes.c_void_p(_first), ctypes.c_size_t(_behind - _first), _advice)
