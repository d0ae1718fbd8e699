"""Read what a grant allows where it lies: any part of an object, opened on its way.

`opened` opens a grant, `filesystem` shows it to programs that know fsspec, `saving` downloads.
Neither a plan nor a ledger is needed: a grant's folder, the reader's key and a credential of the
host are. docs/access.md is the reader's page.
"""
