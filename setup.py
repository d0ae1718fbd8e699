"""What pyproject.toml cannot say: a wheel carries the documentation, which lives in docs/."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


class WithDocs(build_py):
    """Copy the pages and the schemas to where `hdh-migrate docs` looks for them.

    They stand beside the package and not in it: the digest that evidence gives of the tool's code
    is the same for a wheel and a checkout.
    """

    def run(self) -> None:
        """Build the package, then add the pages."""
        super().run()
        if not self.editable_mode:
            home = Path(self.build_lib) / "hdh_migrate_docs"
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(HERE / "docs", home)
            shutil.copyfile(HERE / "plans" / "schema.json", home / "schemas" / "plan.json")


setup(cmdclass={"build_py": WithDocs})
