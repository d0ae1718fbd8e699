"""What commands import sooner or later: imported once, by the server that forks for them."""

from __future__ import annotations

import importlib
import pkgutil

import boto3.session
import botocore.session
import jinja2
import pycurl
import rich.progress
import rich.table

import hdh_migrate
from hdh_migrate.plan import template
from tests.support import here

_THIRD = (boto3.session, botocore.session, jinja2, pycurl, rich.progress, rich.table)
_OURS = (template, here)

for _found in pkgutil.walk_packages(hdh_migrate.__path__, "hdh_migrate."):
    if not _found.name.endswith("__main__"):
        importlib.import_module(_found.name)
