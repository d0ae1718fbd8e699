"""Start another process with the coordinator's own package and nothing of the current directory.

Run by path under `python -I`: no current directory, no PYTHON* variable and no user site is
searched. The package comes from where this file lies, whatever else of that name is installed.
"""

import gc
import importlib
import importlib.util
import sys
from pathlib import Path

PACKAGE = "hdh_migrate"


def load() -> None:
    """Make this file's package the one that `import` finds.

    Raises:
        ImportError: the package is not whole.
    """
    start = Path(__file__).resolve().parents[1] / "__init__.py"
    spec = importlib.util.spec_from_file_location(PACKAGE, start)
    if spec is None or spec.loader is None:
        raise ImportError(PACKAGE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    gc.disable()  # what is imported stays: its `main` collects again once all is there
    load()
    _, name, descriptor, function, *search = sys.argv
    sys.path += search  # where a function outside this package lies: last, so it hides nothing
    importlib.import_module(f"{PACKAGE}.engines.{name}").main(int(descriptor), function)
