-- Made by whoever opens a ledger to write and does not find them: they change no format, and who
-- looks at a ledger without them only waits longer.

-- `status` groups the open findings by cause, of which there may be as many as objects.
CREATE INDEX IF NOT EXISTS finding_open ON finding (code, severity, dataset) WHERE closed = 0;

-- Whoever starts asks the journal for a dozen kinds of events, of which there are few each; of
-- receipts there are as many as portions of objects.
CREATE INDEX IF NOT EXISTS event_kind ON event (kind);

-- `status` asks which objects are lost, and what looks missed: of a million findings and of years of
-- looks these are a few. The queries have to repeat these conditions word for word.
CREATE INDEX IF NOT EXISTS event_losses ON event (kind) WHERE kind = 'findings'
  AND (instr(body, '"code":"decommission-target-lost"') OR instr(body, '"code":"target-replaced"')
       OR instr(body, '"code":"vanished-lost"'));
CREATE INDEX IF NOT EXISTS event_missing ON event (kind) WHERE kind = 'looked-again'
  AND NOT (instr(body, '"damaged":[]') AND instr(body, '"gone":[]'));

-- A report asks for what the plan leaves behind: of a million objects as a rule a few, or none.
CREATE INDEX IF NOT EXISTS object_excluded ON object (dataset, key) WHERE state = 1;

-- Who exchanges keys, looks again or deletes at the source goes through what is verified, portion by
-- portion: without this each portion reads every row of its dataset.
CREATE INDEX IF NOT EXISTS object_verified ON object (dataset, id) WHERE state = 5;
