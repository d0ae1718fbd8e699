-- Version 4. Which plaintext was sealed under an open upload's data key, or is about to be: the
-- digest of the first `size` bytes of part `number`, durable before any of them leaves. The last
-- row of a part stays after its receipt, in case the target drops the part.
CREATE TABLE sealed (
  object INTEGER NOT NULL,
  number INTEGER NOT NULL,
  size   INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  PRIMARY KEY (object, number, size)
) STRICT, WITHOUT ROWID;

-- 0: begun by an earlier version, which did not record what it sealed; such an upload is never
-- continued.
ALTER TABLE upload ADD COLUMN recorded INTEGER NOT NULL DEFAULT 0 CHECK (recorded IN (0, 1));
