"""What can be approved: apart, for the command line names it before it loads anything else."""

from __future__ import annotations

from enum import StrEnum


class ApprovalStage(StrEnum):
    """What an approval is for.

    A `freeze` is a statement that nobody writes to the source. `terms` is the consent of those who
    approved before to other terms; its root is the digest of the terms in force. A `grant` lets
    somebody read, a `rotate` lets a recipient's key be replaced, a `reseal` lets every object be
    sealed anew, an `erase` lets what opens a dataset be erased; the root of each is the digest of
    the request.
    """

    FREEZE = "freeze"
    CUTOVER = "cutover"
    FINALIZE = "finalize"
    DECOMMISSION = "decommission"
    TERMS = "terms"
    GRANT = "grant"
    ROTATE = "rotate"
    RESEAL = "reseal"
    ERASE = "erase"
