"""What the journal tells: one frozen type for each kind of event, with its one JSON form.

`inventory` and `objects` tell of the rows, `run` of verbs and what they worked with, `cutover`,
`consent` and `decommission` of the story of a batch; `registry` reads any of them by its kind.
"""
