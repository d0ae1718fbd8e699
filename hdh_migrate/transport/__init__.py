"""HTTP over libcurl: one reply at a time, every deviation an error of ours.

No redirect is followed, no proxy, netrc or certificate setting of the host is honoured, TLS is
1.2 or later with verified certificates (and pinned keys, if any), every address is judged when it
is contacted, a stalled connection is dropped, bodies stream through callbacks and nothing is ever
decoded. Requests are signed with AWS Signature Version 4 when a `SigV4` is given.
Why libcurl: docs/decisions/0002-transport.md; why for everything: 0011-one-door.md.
"""

from hdh_migrate.transport.client import RequestDetails, SigV4, Transport
from hdh_migrate.transport.exchange import LONGEST_PAUSE_SECONDS, Reply, pause
from hdh_migrate.transport.traffic import Traffic
from hdh_migrate.transport.trust import TlsTrust

__all__ = [
    "LONGEST_PAUSE_SECONDS",
    "Reply",
    "RequestDetails",
    "SigV4",
    "TlsTrust",
    "Traffic",
    "Transport",
    "pause",
]
