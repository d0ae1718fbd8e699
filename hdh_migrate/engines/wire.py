"""Messages between coordinator and workers: JSON in length-prefixed frames, never pickles."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any


class Wire:
    """One end of a connection; sending is safe from many threads."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._lock = threading.Lock()

    def send(self, message: Mapping[str, Any] | list[Any]) -> None:
        """Send one message."""
        data = json.dumps(message, separators=(",", ":")).encode()
        with self._lock:
            self.connection.send_bytes(data)

    def receive(self) -> Any:  # noqa: ANN401 - JSON
        """Wait for one message.

        Raises:
            EOFError: the other end is gone.
        """
        return json.loads(self.connection.recv_bytes())
