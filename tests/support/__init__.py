"""What a test begins with, from the quickest to what is nearest to an operator.

In memory: `fakes` (a source, a target), `world` (a whole migration), `cutover` (a batch, its
pointer and everybody who has a say), `standing` (a status as it could be), `quiet` (time, and an
audience).

A ledger and the command line, no server: `filled`; `inside` runs a command in this process,
`command` as a process of its own.

Real servers, the pipeline in this process: `affair` (Azurite to S3, between two proxies whose
rules are in `lies`), `season` (weeks of a migration); `here` and `serial` are engines of one
thread.

Real servers and the command line: `errand` (a folder to S3), `site` (two endpoints, an operator,
approvers), `finished` (copies of a site that came to some state once), `sandbox` (whatever
`--help` shows), `machines` (a cluster as an operator starts it).

Servers: `servers` and `fixtures`, `strict_s3` and `strict_blob` (what emulators do not do),
`ssh`, `tls`, `token_server`, `authority` (time-stamps), `serving` (a small one of your own);
between them `proxy` (requests) and `line` (bytes).

What holds all of a kind: `contract` (sources, targets), `toy` (a kind that nobody ships),
`pointers`, `schemas` (what verbs print), `written_messages` (what findings say), `hunt` (what
must not leak).

How pytest runs them: `hanging` (the end of what hangs), `passing` (what is told of what passes),
`spent` (`make spent`: where the CPU seconds go, docs/tests.md).

`second_verifier` and its `second_*` are written from docs/evidence-format.md alone: see
CONTRIBUTING.md.
"""
