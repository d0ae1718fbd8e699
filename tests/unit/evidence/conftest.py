"""What those tests share that ask both verifiers about worlds."""

from __future__ import annotations

import pytest

from hdh_migrate.evidence.signatures.signing import Signer
from tests.unit.evidence.builders import signer
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.worlds import desk_in


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Return a desk at which worlds are sealed."""
    return desk_in(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Signer]:
    """Return two who approve."""
    tmp = tmp_path_factory.mktemp("people")
    return [signer(tmp, name) for name in ("dpo", "ciso")]
