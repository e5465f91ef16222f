-- The embedded ledger. Times and durations are integers: microseconds, moments since 1970-01-01T00:00:00Z.
-- Keys, leases, workers and jobs are UUIDs of 16 bytes.

-- What is true of the ledger as a whole: the version of the handler list, the pause of all running, the last count.
CREATE TABLE ledger (
    one        INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version    INTEGER NOT NULL,
    paused     INTEGER NOT NULL,
    counted_at INTEGER
) STRICT;

INSERT INTO ledger (one, version, paused) VALUES (1, 0, 0);

-- One row for each key, written once and bearing the state it will end in; `open` while a requeued event is unfinished.
-- `data` is JSON text as it was sent, `bytes` is whatever else was sent; both are NULL where an event carries nothing.
CREATE TABLE events (
    key            BLOB    NOT NULL PRIMARY KEY,
    state          TEXT    NOT NULL,
    copies_seen    INTEGER NOT NULL,
    time           INTEGER NOT NULL,
    received_at    INTEGER NOT NULL,
    admitted_at    INTEGER NOT NULL,
    fingerprint    BLOB    NOT NULL,
    id_given       INTEGER NOT NULL,
    source         TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    type           TEXT    NOT NULL,
    subject        TEXT,
    correlation_id TEXT    NOT NULL,
    traceparent    TEXT,
    extensions     TEXT,
    data           TEXT,
    bytes          BLOB
) STRICT;

-- Finds what retention has outlived.
CREATE INDEX events_received ON events (received_at);

-- One row for each unfinished event. With a lease it runs, and `due_at` is the end of that lease.
-- `weight` is what the event takes in memory, in bytes.
CREATE TABLE work (
    key      BLOB    NOT NULL PRIMARY KEY,
    handler  TEXT    NOT NULL,
    due_at   INTEGER NOT NULL,
    lease    BLOB,
    worker   BLOB,
    attempt  INTEGER NOT NULL,
    base     INTEGER NOT NULL,
    crashes  INTEGER NOT NULL,
    requeues INTEGER NOT NULL,
    reopened INTEGER NOT NULL,
    weight   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `lease` stands in it, though always NULL, so that counting reads the index alone.
CREATE INDEX work_due ON work (handler, due_at, key, lease) WHERE lease IS NULL;
CREATE INDEX work_leased ON work (due_at) WHERE lease IS NOT NULL;
CREATE INDEX work_suspect ON work (due_at) WHERE lease IS NULL AND crashes >= 2;

-- One row for each counted attempt, with `nth` 0, and one for each crash, numbered from 1 within its attempt.
CREATE TABLE attempts (
    key      BLOB    NOT NULL,
    number   INTEGER NOT NULL,
    nth      INTEGER NOT NULL,
    worker   BLOB    NOT NULL,
    ended_at INTEGER NOT NULL,
    result   TEXT    NOT NULL,
    duration INTEGER,
    error    TEXT,
    PRIMARY KEY (key, number, nth)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
    key       BLOB    NOT NULL PRIMARY KEY,
    discarded INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    message   TEXT    NOT NULL,
    cause     TEXT    NOT NULL,
    died_at   INTEGER NOT NULL,
    handler   TEXT,
    attempt   INTEGER NOT NULL,
    crashes   INTEGER NOT NULL,
    requeues  INTEGER NOT NULL,
    original  BLOB
) STRICT;

CREATE INDEX dead_letters_listed ON dead_letters (discarded, key);
CREATE INDEX dead_letters_original ON dead_letters (original, key) WHERE original IS NOT NULL;

-- The handler list. The counts are those of the last count.
CREATE TABLE handlers (
    pattern    TEXT    NOT NULL PRIMARY KEY,
    paused     INTEGER NOT NULL,
    due        INTEGER NOT NULL,
    running    INTEGER NOT NULL,
    oldest_due INTEGER,
    counted_at INTEGER
) STRICT, WITHOUT ROWID;

-- `patterns` is a JSON array, `beat` a JSON object.
CREATE TABLE workers (
    worker         BLOB    NOT NULL PRIMARY KEY,
    name           TEXT    NOT NULL,
    patterns       TEXT    NOT NULL,
    joined_at      INTEGER NOT NULL,
    renewed_at     INTEGER NOT NULL,
    unbroken_since INTEGER NOT NULL,
    beat           TEXT
) STRICT, WITHOUT ROWID;

-- Finished orders over dead letters. `refused` is a JSON array of pairs of key and reason.
CREATE TABLE jobs (
    id      BLOB    NOT NULL PRIMARY KEY,
    action  TEXT    NOT NULL,
    actor   TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    applied INTEGER NOT NULL,
    stored  INTEGER NOT NULL,
    refused TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    job     BLOB
) STRICT;

-- The true state of each event, for whoever asks by SQL.
CREATE VIEW event_states AS
SELECT e.key, e.source, e.id, e.type,
       CASE WHEN w.key IS NULL THEN e.state WHEN w.lease IS NULL THEN 'due' ELSE 'running' END AS state,
       e.received_at, e.admitted_at, e.copies_seen, w.handler, w.due_at, w.attempt, w.crashes
FROM events e LEFT JOIN work w ON w.key = e.key;
