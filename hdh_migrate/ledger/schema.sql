-- Version 1. A migration is one ledger file. Table `object` is the present; table `event` is the
-- past: append-only, each row's digest covering the row before it.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- state: 0 listing (marker says how far), 1 sealed (root covers every row).
-- surveyed: 1 when the target's prefix was looked at before the first write.
CREATE TABLE dataset (
  id       INTEGER PRIMARY KEY,
  name     TEXT NOT NULL UNIQUE,
  batch    TEXT NOT NULL,
  state    INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1)),
  surveyed INTEGER NOT NULL DEFAULT 0 CHECK (surveyed IN (0, 1)),
  marker   TEXT,
  last_key BLOB,
  pages    INTEGER NOT NULL DEFAULT 0,
  root     TEXT,
  sealed_at TEXT
) STRICT;

-- state: see model.State. 3 (sending) after a crash is an intent without a receipt.
-- parts: 0 is one single PUT. attempt counts intents and fences late receipts; drifts counts
-- attempts that ended because the source changed. extra: JSON of headers, metadata, tags, tier.
-- fold: 64-bit digest of the case-folded, NFC-normalised target address, to find collisions.
-- reason: the exclusion rule's number, or the finding's code.
CREATE TABLE object (
  id            INTEGER PRIMARY KEY,
  dataset       INTEGER NOT NULL REFERENCES dataset (id),
  key           BLOB NOT NULL,
  size          INTEGER NOT NULL CHECK (size >= 0),
  version       TEXT NOT NULL,
  modified      TEXT,
  md5           BLOB,
  extra         TEXT,
  fold          INTEGER,
  parts         INTEGER NOT NULL DEFAULT 0,
  state         INTEGER NOT NULL CHECK (state BETWEEN 0 AND 6),
  reason        TEXT,
  attempt       INTEGER NOT NULL DEFAULT 0,
  drifts        INTEGER NOT NULL DEFAULT 0,
  sha256        BLOB,
  sealed_sha256 BLOB,
  stored_size   INTEGER,
  stored_sha256 BLOB,
  etag          TEXT,
  version_id    TEXT,
  level         TEXT,
  verdict       TEXT,
  verified_at   TEXT
) STRICT;

CREATE UNIQUE INDEX object_key ON object (dataset, key);
CREATE INDEX object_small ON object (dataset, id) WHERE state = 0 AND parts = 0;
CREATE INDEX object_big ON object (dataset, id) WHERE state = 0 AND parts > 0;
CREATE INDEX object_sending ON object (dataset, id) WHERE state = 3;
CREATE INDEX object_sent ON object (dataset, id) WHERE state = 4;
CREATE INDEX object_refused ON object (dataset, id) WHERE state = 2;
CREATE INDEX object_failed ON object (dataset, id) WHERE state = 6;

-- Kept with every change of object.state in the same transaction, so that status never scans.
CREATE TABLE counter (
  dataset INTEGER NOT NULL,
  state   INTEGER NOT NULL,
  objects INTEGER NOT NULL,
  bytes   INTEGER NOT NULL,
  PRIMARY KEY (dataset, state)
) STRICT, WITHOUT ROWID;

-- One row while an object's multipart upload is open, and until the object is verified.
-- header wraps the attempt's data key for the recipients; it is the only form in which it is kept.
CREATE TABLE upload (
  object    INTEGER PRIMARY KEY REFERENCES object (id),
  attempt   INTEGER NOT NULL,
  upload_id TEXT NOT NULL,
  header    BLOB NOT NULL,
  segments  INTEGER NOT NULL
) STRICT;

CREATE TABLE part (
  object        INTEGER NOT NULL,
  number        INTEGER NOT NULL,
  sha256        BLOB NOT NULL,
  sealed_sha256 BLOB NOT NULL,
  stored_size   INTEGER NOT NULL,
  etag          TEXT NOT NULL,
  PRIMARY KEY (object, number)
) STRICT, WITHOUT ROWID;

-- Uploads that were open under our prefixes before we began: somebody else's, never touched.
CREATE TABLE foreign_upload (
  upload_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- severity: blocker (refuses transfer), finding (exit 4 or worse), note.
CREATE TABLE finding (
  id       INTEGER PRIMARY KEY,
  dataset  INTEGER,
  object   INTEGER,
  code     TEXT NOT NULL,
  severity TEXT NOT NULL CHECK (severity IN ('blocker', 'finding', 'note')),
  detail   TEXT NOT NULL,
  at       TEXT NOT NULL,
  closed   INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1))
) STRICT;
CREATE INDEX finding_object ON finding (object) WHERE closed = 0;

-- digest = SHA-256(previous digest || canonical JSON of [seq, at, kind, body]).
CREATE TABLE event (
  seq    INTEGER PRIMARY KEY,
  at     TEXT NOT NULL,
  kind   TEXT NOT NULL,
  body   TEXT NOT NULL,
  digest BLOB NOT NULL
) STRICT;

-- How far a step had come at a moment, for rates and ETA; pruned to the last few hundred rows.
CREATE TABLE sample (
  at      TEXT NOT NULL,
  seconds REAL NOT NULL,
  batch   TEXT NOT NULL,
  step    TEXT NOT NULL,
  objects INTEGER NOT NULL,
  bytes   INTEGER NOT NULL
) STRICT;
