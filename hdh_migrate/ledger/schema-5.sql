-- Version 5. Headers that do not stand in front of their objects. A header is a block, which the
-- objects of one worker process share, and 60 bytes of its own; both are as they were sealed for
-- the recipients, and no data key is here in another form. packed: 1 when a header pack of the
-- dataset was made that holds it; a new attempt at the object sets it back.
CREATE TABLE header_block (
  id     INTEGER PRIMARY KEY,
  block  BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE header (
  object  INTEGER PRIMARY KEY REFERENCES object (id),
  block   INTEGER NOT NULL REFERENCES header_block (id),
  wrapped BLOB NOT NULL,
  packed  INTEGER NOT NULL DEFAULT 0 CHECK (packed IN (0, 1))
) STRICT;
CREATE INDEX header_unpacked ON header (object) WHERE packed = 0;
