-- add_object: one listed object; its (dataset, key) must be new.
INSERT INTO object (dataset, key, size, version, modified, md5, extra, fold, parts, state, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- join: an object that came after the inventory was sealed.
INSERT INTO object (dataset, key, size, version, modified, md5, extra, fold, parts, state, reason,
       attempt)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- repin: the source has something else than was pinned: move that; what was left out asks first.
UPDATE object SET size = ?, version = ?, modified = ?, md5 = ?, extra = ?, fold = ?, parts = ?,
       state = ?, reason = ?, drifts = 0, verdict = NULL, level = NULL, verified_at = NULL,
       attempt = max(attempt, 1) WHERE id = ?;

-- were: what some objects are, before they are pinned anew.
SELECT id, state, key, size, version FROM object WHERE id IN (SELECT value FROM json_each(?));

-- ruled: objects of a dataset in key order from a key on, with all that its rules are asked about.
SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt, state, reason
FROM object INDEXED BY object_key WHERE dataset = ?1 AND key >= ?2 ORDER BY key LIMIT ?3;

-- leave: the source has no more of an object that was never moved: it is left behind, as it was.
UPDATE object SET state = 1, reason = 'vanished', drifts = 0, verdict = NULL, level = NULL,
       verified_at = NULL WHERE id = ?;

-- relist: the target does not hold a verified object any more: it waits to be sent again.
UPDATE object SET state = 0, reason = NULL, verdict = NULL, level = NULL, verified_at = NULL,
       drifts = 0, attempt = max(attempt, 1) WHERE id = ? AND state = 5;

-- renewed: a verified object has another header; its body, and what it holds, are the same.
UPDATE object SET attempt = ?1, sealed_sha256 = iif(sealed_sha256 IS NULL, NULL, ?2),
       stored_sha256 = ?2, stored_size = ?3, etag = ?4, version_id = ?5, level = ?6,
       verified_at = ?7 WHERE id = ?8 AND attempt = ?9 AND state = 5;

-- forget_etag: what is under the key is not ours; see `pins`.
UPDATE object SET etag = NULL, version_id = NULL WHERE id = ? AND state = 0;

-- pins: what of somebody else's a waiting object may replace, until its next receipt; oldest first.
SELECT o.id, e.body ->> '$.etag' FROM event e JOIN object o ON o.id = e.body ->> '$.id'
WHERE e.kind = 'restored' AND o.etag IS NULL AND o.state IN (0, 3) ORDER BY e.seq;

-- amend: a sent object that is about to fail is described anew, for its next attempt.
UPDATE object SET size = ?1, version = ?2, modified = ?3, md5 = ?4, parts = ?5,
       extra = iif(?7 = 'object', json_remove(extra, '$.kind'),
                   json_set(coalesce(extra, '{}'), '$.kind', ?7))
WHERE id = ?6 AND state = 4;

-- count: move the tally of one state of one dataset.
INSERT INTO counter (dataset, state, objects, bytes) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (dataset, state) DO UPDATE SET objects = objects + ?3, bytes = bytes + ?4;

-- todo_small: objects that fit one PUT and wait to be sent.
SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt
FROM object WHERE dataset = ? AND state = 0 AND parts = 0 ORDER BY id LIMIT ?;

-- todo_big: objects that need a multipart upload and wait to be sent.
SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt
FROM object WHERE dataset = ? AND state = 0 AND parts > 0 ORDER BY id LIMIT ?;

-- todo_ready_small: versions that fit one PUT and may be sent, for what comes before is landed; their keys have a zero byte.
SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt
FROM object o WHERE dataset = ? AND state = 0 AND parts = 0
  AND (instr(key, x'00') = 0 OR coalesce((SELECT p.state FROM object p INDEXED BY object_key
       WHERE p.dataset = o.dataset AND p.key > substr(o.key, 1, instr(o.key, x'00'))
         AND p.key < o.key AND p.state <> 1 ORDER BY p.key DESC LIMIT 1), 5) IN (4, 5))
ORDER BY id LIMIT ?;

-- todo_ready_big: the same of those that need a multipart upload.
SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt
FROM object o WHERE dataset = ? AND state = 0 AND parts > 0
  AND (instr(key, x'00') = 0 OR coalesce((SELECT p.state FROM object p INDEXED BY object_key
       WHERE p.dataset = o.dataset AND p.key > substr(o.key, 1, instr(o.key, x'00'))
         AND p.key < o.key AND p.state <> 1 ORDER BY p.key DESC LIMIT 1), 5) IN (4, 5))
ORDER BY id LIMIT ?;

-- version_before: what comes right before one version of a name, of what is to be moved.
SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt,
       sha256, sealed_sha256, stored_size, etag, version_id
FROM object INDEXED BY object_key WHERE dataset = ?1
  AND key > substr(?2, 1, instr(?2, x'00')) AND key < ?2 AND state <> 1
ORDER BY key DESC LIMIT 1;

-- named: what there is of a name: the object of that key, or every version of it, the oldest first.
SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt,
       sha256, sealed_sha256, stored_size, etag, version_id, state
FROM object INDEXED BY object_key WHERE dataset = ?1
  AND (key = ?2 OR (key > ?3 AND key < ?4)) ORDER BY key;

-- collisions: objects that share their folded target address; versions of one name are one object.
SELECT id, dataset FROM object WHERE state <> 1 AND fold IN (
  SELECT fold FROM object WHERE fold IS NOT NULL AND state <> 1 AND fold IN (
    SELECT fold FROM object WHERE fold IS NOT NULL AND state <> 1 GROUP BY fold HAVING count(*) > 1)
  GROUP BY fold
  HAVING count(DISTINCT dataset || ' ' || hex(iif(instr(key, x'00') > 0,
         substr(key, 1, instr(key, x'00') - 1), key))) > 1)
ORDER BY id;

-- adoptable: waiting objects of a dataset that the target may hold something of, in key order from a key on.
SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt
FROM object INDEXED BY object_key
WHERE dataset = ? AND key >= ? AND state = 0 AND attempt > 0 ORDER BY key LIMIT ?;

-- taken: what the target holds of a waiting object counts as sent, to be verified.
UPDATE object SET state = 4, sha256 = ?, sealed_sha256 = ?, stored_size = ?, etag = ?,
       version_id = ?, stored_sha256 = NULL, verdict = NULL, level = NULL, verified_at = NULL,
       reason = NULL, attempt = max(attempt, ?) WHERE id = ? AND attempt = ? AND state = 0;

-- knows: attempts up to this one are known to have been made at a waiting object.
UPDATE object SET attempt = max(attempt, ?) WHERE id = ? AND state = 0;

-- todo_verify: sent objects after a given id.
SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt,
       sha256, sealed_sha256, stored_size, etag, version_id
FROM object WHERE dataset = ? AND state = 4 AND id > ? ORDER BY id LIMIT ?;

-- claim: the intent to send an object, before anything is sent.
UPDATE object SET state = 3, attempt = attempt + 1, reason = NULL WHERE id = ?;

-- unclaim: an intent without effect goes back to waiting; the attempt stays counted.
UPDATE object SET state = 0 WHERE id = ? AND state = 3;

-- reclaim: a waiting object goes on with its last attempt, whose upload is open still.
UPDATE object SET state = 3, reason = NULL WHERE id = ? AND state = 0;

-- todo_kept: waiting objects whose last attempt failed in mid-upload; one that was sent once has a stored size, and its upload is no more.
SELECT o.id, o.dataset, o.key, o.size, o.version, o.modified, o.md5, o.extra, o.parts, o.attempt
FROM upload u CROSS JOIN object o ON o.id = u.object
WHERE o.dataset = ? AND o.state = 0 AND o.attempt = u.attempt AND u.recorded = 1
  AND o.stored_size IS NULL ORDER BY o.id;

-- kept_in: objects of a dataset in some states whose uploads the ledger knows.
SELECT o.id FROM upload u CROSS JOIN object o ON o.id = u.object
WHERE o.dataset = ? AND o.state IN (SELECT value FROM json_each(?));

-- sending: intents without receipts.
SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt
FROM object WHERE dataset = ? AND state = 3 ORDER BY id;

-- sent: the receipt of one object, unless a later attempt fences it.
UPDATE object SET state = 4, sha256 = ?, sealed_sha256 = ?, stored_size = ?, etag = ?,
       version_id = ?, stored_sha256 = NULL, verdict = NULL, level = NULL, verified_at = NULL
WHERE id = ? AND attempt = ? AND state = 3;

-- drifted: the source has another version now, to be pinned with what stands beside it.
UPDATE object SET state = 0, drifts = drifts + 1, version = ?1, size = ?2, modified = ?3, md5 = ?4,
       parts = ?5, extra = ?8
WHERE id = ?6 AND attempt = ?7 AND state = 3;

-- failed: an object ends in a finding; nothing of it is believed.
UPDATE object SET state = 6, reason = ?, verdict = ? WHERE id = ? AND state IN (0, 3, 4);

-- verified: what was read back is what was read from the source.
UPDATE object SET state = 5, sha256 = ?, stored_sha256 = ?, level = ?, verdict = 'match',
       verified_at = ? WHERE id = ? AND attempt = ? AND state = 4;

-- again: a failed object waits again, because the plan was run again.
UPDATE object SET state = 0, reason = NULL, verdict = NULL, drifts = 0 WHERE id = ?;

-- failed_of: the first failed objects of a dataset after an id, with the code that ended them.
SELECT id, size, reason FROM object WHERE dataset = ? AND state = 6 AND id > ? ORDER BY id LIMIT ?;

-- records: every object of a dataset in key order, for the manifest.
SELECT id, key, size, version, modified, md5, state, reason, sha256, stored_size, stored_sha256,
       etag, version_id, level, verdict, verified_at
FROM object WHERE dataset = ? ORDER BY key;

-- excluded: what the plan leaves behind of a dataset, in key order.
SELECT id, key, size, version, reason FROM object WHERE dataset = ? AND state = 1 ORDER BY key;

-- verified_row: what digests of verified objects cover, ordered as a list of ids; last the extras.
SELECT o.id, d.name, o.key, o.size, o.version, o.modified, o.md5, o.parts, o.attempt, o.sha256,
       o.sealed_sha256, o.stored_size, o.stored_sha256, o.etag, o.version_id, o.level, o.verdict,
       o.verified_at, o.extra
FROM json_each(?) i CROSS JOIN object o ON o.id = i.value JOIN dataset d ON d.id = o.dataset
WHERE o.state = 5 ORDER BY i.key;

-- failed_row: what digests of objects that failed or were refused cover, likewise.
SELECT o.id, d.name, o.key, o.size, o.version, o.modified, o.md5, o.state, o.reason, o.sha256,
       o.stored_size, o.stored_sha256, o.etag, o.level, o.verdict, o.verified_at, o.extra
FROM json_each(?) i CROSS JOIN object o ON o.id = i.value JOIN dataset d ON d.id = o.dataset
WHERE o.state IN (2, 6) ORDER BY i.key;

-- kept_back: the first failed and refused objects of a dataset after an id, and why each is.
SELECT id, state, reason FROM (
  SELECT * FROM (SELECT id, state, reason FROM object WHERE dataset = ?1 AND state = 2 AND id > ?2
                 ORDER BY id LIMIT ?3)
  UNION ALL
  SELECT * FROM (SELECT id, state, reason FROM object WHERE dataset = ?1 AND state = 6 AND id > ?2
                 ORDER BY id LIMIT ?3)
) ORDER BY id LIMIT ?3;

-- told_of: which of some objects have an open finding, of what code, and its number.
SELECT object, code, id FROM finding
WHERE closed = 0 AND object IN (SELECT value FROM json_each(?)) ORDER BY id;

-- drawn: some of what datasets have at the target, each with the same chance.
SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt, sha256,
       sealed_sha256, stored_size, etag, version_id, state
FROM object WHERE stored_size IS NOT NULL AND etag IS NOT NULL AND id IN (
  SELECT id FROM (
    SELECT id FROM object WHERE dataset IN (SELECT value FROM json_each(?1)) AND state = 4
    UNION ALL
    SELECT id FROM object WHERE dataset IN (SELECT value FROM json_each(?1)) AND state = 5)
  ORDER BY random() LIMIT ?2)
ORDER BY id;

-- listing: what inventory found in a dataset, in key order.
SELECT id, key, size, version, state, reason FROM object WHERE dataset = ? ORDER BY key;

-- look: objects of a dataset in key order from a key on, with the codes of their open findings.
SELECT id, key, size, state,
       (SELECT json_group_array(code) FROM (SELECT DISTINCT f.code AS code FROM finding f
        WHERE f.object = o.id AND f.closed = 0 ORDER BY f.code))
FROM object o INDEXED BY object_key
WHERE dataset = ?1 AND key >= ?2
  AND (?3 IS NULL OR state IN (SELECT value FROM json_each(?3)))
  AND (?4 IS NULL OR EXISTS (SELECT 1 FROM finding f WHERE f.object = o.id AND f.closed = 0
       AND f.code IN (SELECT value FROM json_each(?4))))
ORDER BY key LIMIT ?5;

-- claims: what inventory was told of a dataset's objects, in key order, as two listings are compared; a kind is looked for in the text first, which is sooner than to read JSON.
SELECT id, key, size, version, state, reason, md5,
       CASE WHEN state = 6 AND reason GLOB 'kind-*' THEN substr(reason, 6)
            WHEN state = 1 AND reason = 'directory' THEN coalesce(extra ->> '$.kind', reason)
            ELSE iif(instr(extra, '"kind"'), coalesce(extra ->> '$.kind', 'object'), 'object') END
FROM object WHERE dataset = ? ORDER BY key;

-- labels: the same with what its rules may ask besides.
SELECT id, key, size, version, state, reason, md5,
       CASE WHEN state = 6 AND reason GLOB 'kind-*' THEN substr(reason, 6)
            WHEN state = 1 AND reason = 'directory' THEN coalesce(extra ->> '$.kind', reason)
            ELSE iif(instr(extra, '"kind"'), coalesce(extra ->> '$.kind', 'object'), 'object') END, modified, extra
FROM object WHERE dataset = ? ORDER BY key;

-- pinned: one object as it was pinned.
SELECT id, state, size, version, md5,
       CASE WHEN state = 6 AND reason GLOB 'kind-*' THEN substr(reason, 6)
            WHEN state = 1 AND reason = 'directory' THEN coalesce(extra ->> '$.kind', reason)
            ELSE iif(instr(extra, '"kind"'), coalesce(extra ->> '$.kind', 'object'), 'object') END,
       iif(state = 1, reason, NULL), extra ->> '$.tags'
FROM object WHERE dataset = ? AND key = ?;

-- doubted: objects that are not to be moved because of what a listing said of them alone.
SELECT key FROM object INDEXED BY object_failed WHERE dataset = ?1 AND state = 6
AND reason GLOB 'kind-*'
UNION ALL
SELECT key FROM object INDEXED BY object_refused WHERE dataset = ?1 AND state = 2
AND reason IN ('too-large', 'leased-for-ever');

-- receipts: objects and bytes of every event that acknowledges objects.
SELECT e.at, json_array_length(e.body, '$.ids'),
       (SELECT coalesce(sum(o.size), 0) FROM json_each(e.body, '$.ids') i JOIN object o ON o.id = i.value)
FROM event e WHERE e.kind = ? ORDER BY e.seq;

-- ends: when some objects were acknowledged by events of one kind, and how large they are.
SELECT e.seq, e.at, o.id, o.size FROM event e, json_each(e.body, '$.ids') i
JOIN object o ON o.id = i.value
WHERE e.kind = ?1 AND i.value IN (SELECT value FROM json_each(?2)) ORDER BY e.seq;

-- left_behind: objects to move, and how many of them have what no target keeps beside sealed bytes.
SELECT count(*),
       count(*) FILTER (WHERE extra ->> '$.headers' <> '{"content-type":"application/octet-stream"}'),
       count(*) FILTER (WHERE extra ->> '$.tier' IS NOT NULL)
FROM object WHERE dataset = ? AND state IN (0, 3, 4, 5);

-- metadata: of objects to move that have some.
SELECT extra ->> '$.metadata' FROM object WHERE dataset = ? AND state IN (0, 3, 4, 5)
AND extra ->> '$.metadata' IS NOT NULL;

-- beside: what objects to move have beside their bytes.
SELECT modified, extra FROM object WHERE dataset = ? AND state IN (0, 3, 4, 5);

-- erasable: verified objects of a dataset after a given id.
SELECT id, dataset, key, size, version, sha256, stored_size, stored_sha256, etag, version_id,
       level, verified_at
FROM object
WHERE dataset = ?1 AND id > ?2 AND state = 5 AND (?4 OR substr(version, 1, 8) <> 'sidecar:')
ORDER BY id LIMIT ?3;

-- own_verified: verified files of the tool's own of a dataset, after a given id.
SELECT id, dataset, key, size, version, sha256, stored_size, stored_sha256, etag, version_id,
       level, verified_at
FROM object
WHERE dataset = ?1 AND id > ?2 AND state = 5 AND substr(version, 1, 8) = 'sidecar:'
ORDER BY id LIMIT ?3;

-- own_left: how much a batch has of them after a given id.
SELECT count(*), coalesce(sum(size), 0) FROM object
WHERE id > ?1 AND state = 5 AND substr(version, 1, 8) = 'sidecar:' AND dataset IN (SELECT id FROM dataset WHERE batch = ?2)
  AND dataset NOT IN (SELECT d.id FROM event e JOIN dataset d ON d.name = e.body ->> '$.dataset' WHERE e.kind = 'headers-erasing');

-- erasable_of: those of some ids that are verified objects of a batch.
SELECT id, dataset, key, size, version, sha256, stored_size, stored_sha256, etag, version_id,
       level, verified_at
FROM object
WHERE id IN (SELECT value FROM json_each(?1)) AND state = 5 AND (?3 OR substr(version, 1, 8) <> 'sidecar:')
  AND dataset IN (SELECT id FROM dataset WHERE batch = ?2)
  AND (?3 OR dataset NOT IN (SELECT d.id FROM event e JOIN dataset d ON d.name = e.body ->> '$.dataset' WHERE e.kind = 'headers-erasing'))
ORDER BY id;

-- erasable_left: how much a batch has of verified objects after a given id.
SELECT count(*), coalesce(sum(size), 0) FROM object
WHERE id > ?1 AND state = 5 AND (?3 OR substr(version, 1, 8) <> 'sidecar:') AND dataset IN (SELECT id FROM dataset WHERE batch = ?2)
  AND (?3 OR dataset NOT IN (SELECT d.id FROM event e JOIN dataset d ON d.name = e.body ->> '$.dataset' WHERE e.kind = 'headers-erasing'));

-- grantable: the objects of a dataset that are not left out, after a given key, in the order of keys.
SELECT id, dataset, key, size, version, sha256, stored_size, stored_sha256, etag, version_id,
       level, verified_at, state
FROM object
WHERE dataset = ?1 AND key > ?2 AND state <> 1 AND substr(version, 1, 8) <> 'sidecar:'
ORDER BY key LIMIT ?3;

-- arrived: objects under way of which parts have arrived, the parts, and their bytes at the source.
SELECT dataset, count(*), sum(parts), sum(bytes) FROM (
  SELECT o.dataset AS dataset, count(*) AS parts,
         sum(min(u.segments * 65536, o.size - (p.number - 1) * u.segments * 65536)) AS bytes
  FROM object o INDEXED BY object_sending
  CROSS JOIN upload u ON u.object = o.id AND u.attempt = o.attempt
  CROSS JOIN part p ON p.object = o.id
  WHERE o.state = 3 GROUP BY o.id
) GROUP BY dataset;

-- waiting: objects of a dataset that are neither verified nor excluded; last: tagged, and doubted.
SELECT id, key, size, state, attempt, extra ->> '$.tags' IS NOT NULL, 0
FROM object INDEXED BY object_small WHERE dataset = ?1 AND state = 0 AND parts = 0
UNION ALL SELECT id, key, size, state, attempt, extra ->> '$.tags' IS NOT NULL, 0
FROM object INDEXED BY object_big WHERE dataset = ?1 AND state = 0 AND parts > 0
UNION ALL SELECT id, key, size, state, attempt, extra ->> '$.tags' IS NOT NULL, 0
FROM object INDEXED BY object_sending WHERE dataset = ?1 AND state = 3
UNION ALL SELECT id, key, size, state, attempt, extra ->> '$.tags' IS NOT NULL, 0
FROM object INDEXED BY object_sent WHERE dataset = ?1 AND state = 4
UNION ALL SELECT id, key, size, state, attempt, extra ->> '$.tags' IS NOT NULL, 0
FROM object INDEXED BY object_refused WHERE dataset = ?1 AND state = 2
UNION ALL SELECT id, key, size, state, attempt, extra ->> '$.tags' IS NOT NULL, reason GLOB 'kind-*'
FROM object INDEXED BY object_failed WHERE dataset = ?1 AND state = 6;

-- harm: what tells of lost or replaced objects, and of judgements about them, in its order.
SELECT seq, at, kind, body FROM event WHERE kind = 'findings'
  AND (instr(body, '"code":"decommission-target-lost"') OR instr(body, '"code":"target-replaced"')
       OR instr(body, '"code":"vanished-lost"'))
UNION ALL SELECT seq, at, kind, body FROM event WHERE kind = 'breach-judged' ORDER BY seq;

-- looks_began: the number of the event with which each look began.
SELECT body ->> '$.batch', body ->> '$.number', min(seq) FROM event WHERE kind = 'looking-again' GROUP BY 1, 2;

-- missed: the portions of looks that found objects gone or damaged.
SELECT seq, body FROM event WHERE kind = 'looked-again'
  AND NOT (instr(body, '"damaged":[]') AND instr(body, '"gone":[]')) ORDER BY seq;

-- causes: how many open findings there are of each code and dataset, with what the oldest says.
SELECT g.code, g.severity, d.name, d.batch, f.detail, g.many
FROM (SELECT min(id) AS oldest, code, severity, dataset, count(*) AS many FROM finding
      WHERE closed = 0 GROUP BY code, severity, dataset) g
JOIN finding f ON f.id = g.oldest LEFT JOIN dataset d ON d.id = g.dataset ORDER BY g.oldest;

-- has_unpacked: whether one of the few headers that no pack was made of is of a dataset's object at the target.
SELECT EXISTS (
  SELECT 1 FROM header h INDEXED BY header_unpacked CROSS JOIN object o ON o.id = h.object
  WHERE h.packed = 0 AND o.dataset = ? AND o.state IN (4, 5)
);

-- packable: what header packs hold of a dataset's objects, from a key on.
SELECT o.key, o.size, o.stored_size, o.etag, o.version_id, b.block, h.wrapped
FROM object o INDEXED BY object_key JOIN header h ON h.object = o.id JOIN header_block b ON b.id = h.block
WHERE o.dataset = ?1 AND o.key >= ?2 AND o.state IN (4, 5) AND o.stored_size IS NOT NULL AND o.etag IS NOT NULL
ORDER BY o.key LIMIT ?3;

-- erased: datasets whose headers were erased, or are being erased.
SELECT d.id FROM event e JOIN dataset d ON d.name = e.body ->> '$.dataset' WHERE e.kind = 'headers-erasing';

-- unpacked_until: the last object of a range of those whose headers no pack was made of.
SELECT max(object) FROM (SELECT object FROM header WHERE packed = 0 AND object > ?1 ORDER BY object LIMIT ?2);

-- note_packed: packs were made of what a dataset has at the target, of a range of objects.
UPDATE header SET packed = 1 WHERE packed = 0 AND object BETWEEN ?1 AND ?2
  AND object IN (SELECT id FROM object WHERE id BETWEEN ?1 AND ?2 AND dataset = ?3 AND state IN (4, 5));

-- headers_until: the last object of a range of those that have a header.
SELECT max(object) FROM (SELECT object FROM header WHERE object > ?1 ORDER BY object LIMIT ?2);

-- erase_headers: forget the headers of a dataset's objects, of a range of objects.
DELETE FROM header WHERE object BETWEEN ?1 AND ?2
  AND object IN (SELECT id FROM object WHERE id BETWEEN ?1 AND ?2 AND dataset = ?3);

-- without_header: verified objects of a batch of which no header is kept, and none was erased.
SELECT count(*) FROM object o WHERE o.state = 5 AND substr(o.version, 1, 8) <> 'sidecar:'
  AND o.dataset IN (SELECT id FROM dataset WHERE batch = ?1)
  AND o.dataset NOT IN (SELECT d.id FROM event e JOIN dataset d ON d.name = e.body ->> '$.dataset' WHERE e.kind = 'headers-erasing')
  AND NOT EXISTS (SELECT 1 FROM header h WHERE h.object = o.id);

-- packs: the files of a dataset between two keys, with what the target holds of them.
SELECT id, key, state, stored_size, stored_sha256, etag, version_id FROM object INDEXED BY object_key
WHERE dataset = ?1 AND key >= ?2 AND key < ?3 ORDER BY key;
