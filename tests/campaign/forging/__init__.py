"""Every member of a bundle is changed by somebody who holds the report key, and by somebody else.

A bundle is walked by program: no list says which members there are, so that a new one is changed
without anyone's remembering. What both verifiers take is what a signature alone vouches for; that
is the table "by word alone" in docs/evidence-format.md.
"""
