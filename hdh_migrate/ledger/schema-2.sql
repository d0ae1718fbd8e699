-- Version 2. The story of cutovers is read by `status`, which must not walk the whole journal.
-- The query has to repeat this condition word for word.
CREATE INDEX event_cutover ON event (seq) WHERE kind >= 'cutover-' AND kind < 'cutover.';
