"""What pyproject.toml cannot say: a wheel carries the documentation, manual pages, completions."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup  # before distutils, which it brings
from setuptools.command.build_py import build_py

from distutils.command.install_data import install_data  # isort: skip

HERE = Path(__file__).parent


class WithDocs(build_py):
    """Copy the pages and the schemas to where `hdh-migrate docs` looks for them.

    They stand beside the package and not in it: the digest that evidence gives of the tool's code
    is the same for a wheel and a checkout.
    """

    def run(self) -> None:
        """Build the package, then add the pages; what an earlier build left is no part of it."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            home = Path(self.build_lib) / "hdh_migrate_docs"
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(HERE / "docs", home)
            shutil.copyfile(HERE / "plans" / "schema.json", home / "schemas" / "plan.json")


class WithShared(install_data):
    """Put what the commands say of themselves where `man` and shells look for it.

    And beside it the units, scripts and recipes of deploy/: who has the wheel has all it needs.
    """

    def run(self) -> None:
        """Make the files from the commands, then install them below `share`."""
        made = Path(self.get_finalized_command("build").build_temp) / "share"
        shutil.rmtree(made, ignore_errors=True)
        command = [sys.executable, "-m", "hdh_migrate.cli.shared_files", str(made.resolve())]
        subprocess.run(command, cwd=HERE, check=True)
        shutil.copytree(HERE / "deploy", made / "hdh-migrate" / "deploy")
        self.data_files = [
            (str(Path("share") / path.parent.relative_to(made)), [str(path)])
            for path in sorted(made.rglob("*"))
            if path.is_file()
        ]
        super().run()


setup(
    cmdclass={"build_py": WithDocs, "install_data": WithShared},
    data_files=[("share", [])],  # so that there is something to install: see WithShared
)
