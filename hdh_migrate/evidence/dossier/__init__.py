"""The dossier of a claim for egress: what passed by day, endpoint and purpose, and what it costs.

A folder of its own beside a bundle: `dossier.json` (a DSSE envelope over an in-toto statement) and
a page for each language that it names by digest. `audit dossier` checks it with nothing else.
"""
