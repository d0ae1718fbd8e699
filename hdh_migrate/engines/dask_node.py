"""What runs in a worker process of Dask: it passes messages between coordinator and node.

Dask calls these functions by name. None of them raises: Dask would print their arguments, which are
orders and hold names of objects.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from hdh_migrate.engines.cluster import FROM_NODE, SILENCE_SECONDS, Unfit
from hdh_migrate.engines.dask_security import hush, quiet_settings, security
from hdh_migrate.errors import Refused, Starved

if TYPE_CHECKING:
    from distributed import Worker
    from distributed.core import Server

    from hdh_migrate.engines.node import Node

STOP_SECONDS = 0.2
"""How soon it is seen that somebody said stop."""

_SERVING: Final = frozenset({"running", "paused"})
"""What Dask calls the states of a server that has not begun to end."""

TOPIC: Final = "hdh-migrate:"
"""Begins the topic under which nodes speak to the coordinator of a session."""

_here: list[Node] = []
"""The node of this process: one, or none."""


async def begin(session: str, data: bytes, dask_worker: Worker) -> bytes:
    """See `Node.begin`."""
    if not _here:
        return FROM_NODE.encode(Unfit(why="it is no worker of hdh-migrate"))
    node = _here[0]

    def say(number: int, words: bytes) -> None:
        dask_worker.log_event(TOPIC + session, (node.name, number, words))

    return await asyncio.to_thread(node.begin, data, say)


def carry(session: str, data: bytes) -> None:
    """See `Node.perform`; the only task that Dask is given."""
    if _here:
        try:
            _here[0].perform(session, data)
        except BaseException as error:  # noqa: BLE001 - see above
            # no traceback: it may hold names
            logging.getLogger(__name__).error(  # noqa: TRY400
                "an order was not performed: %s", type(error).__name__
            )


async def answer(session: str, answers: Sequence[tuple[int, bool]]) -> bool:
    """See `Node.answer`; return whether the session is known."""
    return bool(_here) and _here[0].answer(session, answers)


async def share(session: str, part: float) -> bool:
    """See `Node.share`; return whether the session is known."""
    return bool(_here) and _here[0].share(session, part)


async def limit(session: str, rate: float | None) -> bool:
    """See `Node.limit`; return whether the session is known."""
    return bool(_here) and _here[0].limit(session, rate)


async def pause(session: str) -> bool:
    """See `Node.pause`; return whether the session is known."""
    return bool(_here) and _here[0].pause(session)


async def end(session: str, grace: float) -> bytes | None:
    """See `Node.end`."""
    return await asyncio.to_thread(_here[0].end, session, grace) if _here else None


def serve(
    node: Node,
    scheduler: str,
    certificates: Path,
    *,
    host: str | None,
    threads: int,
    scratch: Path,
    ready: Callable[[str], None],
    stop: threading.Event,
) -> None:
    """Serve coordinators through a scheduler until `stop` is set or the scheduler is gone.

    `ready` takes the address at which this process listens. `scratch` is an empty folder for Dask.

    Raises:
        Starved: the scheduler cannot be reached, or is gone for longer than a minute.
    """
    import dask
    from distributed import Worker

    hush()

    async def work() -> None:
        async with Worker(
            scheduler,
            nthreads=threads,
            host=host,
            protocol="tls",
            security=security(certificates),
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            death_timeout=SILENCE_SECONDS,
            local_directory=str(scratch),
        ) as worker:
            ready(str(worker.address))
            await _until(stop, worker)
            await asyncio.to_thread(node.close)  # before Dask waits for what its threads do

    _here.append(node)
    try:
        with dask.config.set(quiet_settings()):
            asyncio.run(work())
    except (OSError, TimeoutError) as error:
        raise unreachable(scheduler, error) from error
    finally:
        _here.clear()
        node.close()
    if not stop.is_set():
        raise Starved(
            f"the scheduler at {scheduler} is gone, or has given this worker up",
            hint="nothing is lost; see that the scheduler runs, then start this worker again",
        )


def schedule(
    address: str,
    certificates: Path,
    *,
    ready: Callable[[str], None],
    stop: threading.Event,
) -> None:
    """Run Dask's scheduler at an address, until `stop` is set.

    Raises:
        Refused: it cannot listen there.
        KeyUnavailable: a certificate is not there.
    """
    import dask
    from distributed import Scheduler

    hush()
    parts = urlsplit(address)

    async def work() -> None:
        async with Scheduler(
            host=parts.hostname,
            port=parts.port or 0,
            protocol="tls",
            security=security(certificates),
            dashboard_address="127.0.0.1:0",
        ) as scheduler:
            ready(str(scheduler.address))
            await _until(stop, scheduler)

    try:
        with dask.config.set(quiet_settings()):
            asyncio.run(work())
    except (OSError, TimeoutError) as error:
        raise Refused(
            f"no scheduler can listen at {address}: {_why(error)}",
            hint="nothing was started; run it on the machine that engine.scheduler names",
        ) from error


async def _until(stop: threading.Event, server: Server) -> None:
    """Wait until somebody says stop, or a server ends by itself."""
    while server.status.name in _SERVING:
        if await asyncio.to_thread(stop.wait, STOP_SECONDS):
            return


def unreachable(scheduler: str, error: BaseException) -> Starved:
    """Return the error of a scheduler that cannot be reached."""
    return Starved(
        f"the scheduler at {scheduler} does not let us in: {_why(error)}",
        hint="nothing is lost; see that it runs, and that both have certificates of one authority"
        " (hdh-migrate docs scaling), then run the same again",
    )


def _why(error: BaseException) -> str:
    """Return the first line of the innermost cause."""
    seen: BaseException = error
    while (inner := seen.__cause__ or seen.__context__) is not None:
        seen = inner
    lines: list[Any] = str(seen).splitlines()
    return f"{type(seen).__name__}: {lines[0]}" if lines else type(seen).__name__
