"""What the source holds since the switch, next to what was moved.

After a rollback consumers are led to it again. It is asked last, for a rollback waits for nothing:
the pointer has its old value by then. Months may lie between, in which a credential ends, or
somebody clears up what nobody seemed to read. Before a switch is made final it is asked whether
somebody wrote there, for nobody follows the source any more after that.
"""

from __future__ import annotations

from hdh_migrate.errors import Interrupted, MigrateError
from hdh_migrate.pipeline.cutover.scene import Scene
from hdh_migrate.pipeline.inventory.refresh import Refresh
from hdh_migrate.results.switches import SourceSince


def source_since(scene: Scene) -> SourceSince:
    """List the batch's source once and compare it with what was moved; changes nothing.

    Raises:
        Interrupted: it was stopped; the same command lists it again.
    """
    try:
        found = Refresh(scene.ctx, scene.batch, user=scene.user).compare(scene.datasets())
    except Interrupted:
        raise
    except MigrateError as error:
        return {"new": 0, "changed": 0, "gone": 0, "unread": str(error)}
    return {
        "new": found.new.objects, "changed": found.changed.objects,
        "gone": found.vanished.objects, "unread": None,
    }  # fmt: skip
