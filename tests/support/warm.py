"""What commands import and build sooner or later: once, by the server that forks for them."""

from __future__ import annotations

import gc
import importlib
import pkgutil
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
from hdh_migrate import jsonform
from hdh_migrate.cli import app, menu
from hdh_migrate.evidence.page import page_words
from hdh_migrate.evidence.page.catalogue import CATALOGUE
from hdh_migrate.evidence.page.compiled import environment
from hdh_migrate.evidence.page.references import references
from hdh_migrate.evidence.page.text import LANGUAGES
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
_forms = [JsonForm]
for _form in _forms:
    jsonform._members(_form)
    jsonform._defaults(_form)
    _forms += _form.__subclasses__()

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

_verbs: list[Any] = [app._command()]
for _verb in _verbs:
    if isinstance(_verb, menu.Menu):
        _named = (*_verb.list_commands(None), _verb.default)
        _verbs += [_verb.get_command(None, _name) for _name in _named if _name]
    for _param in _verb.params:
        _param.get_runtime_param()

gc.freeze()
