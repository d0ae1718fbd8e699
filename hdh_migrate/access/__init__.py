"""Read what a grant allows where it lies: any part of an object, opened on its way.

`GrantFileSystem` shows a grant to programs that know fsspec (the extra `[access]`); `open_grant`
opens one without, and `save` downloads from it. Neither a plan nor a ledger is needed: a grant's
folder, the reader's key and a credential of the host are. docs/access.md is the reader's page.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hdh_migrate.access.filesystem import GrantFileSystem
    from hdh_migrate.access.opened import OpenedGrant, open_grant
    from hdh_migrate.access.saving import save
    from hdh_migrate.access.settings import ReaderSettings

__all__ = ["GrantFileSystem", "OpenedGrant", "ReaderSettings", "open_grant", "save"]

_WHERE: Final = {
    "GrantFileSystem": "filesystem", "OpenedGrant": "opened", "ReaderSettings": "settings",
    "open_grant": "opened", "save": "saving",
}  # fmt: skip


def __getattr__(name: str) -> object:
    """Import what is asked for when it is: fsspec is there only with the extra `[access]`."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
