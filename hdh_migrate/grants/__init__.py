"""Grants: packs that let one more reader open objects which stay where they are.

The format is docs/grant-format.md. `pack` writes and reads packs, `rewrapping` makes the headers in
them, `statement` says in the open what a pack is. No plan and no ledger is known here.
"""
