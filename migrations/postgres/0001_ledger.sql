-- The ledger on PostgreSQL.
--
-- A row of `events` is written once and already bears the state it will end in. A row of `work` says that the event is
-- not finished yet. So a success is one DELETE from a small, hot table, and history is never churned.
-- The true state of an event is read through the view `event_states`.
--
-- No column has now() as its default: every statement names its times, so that one clock, the store's, is asked once.

CREATE TABLE events (
    key            uuid PRIMARY KEY,
    source         text NOT NULL,
    id             text NOT NULL,
    id_given       boolean NOT NULL,
    type           text NOT NULL,
    subject        text,
    time           timestamptz NOT NULL,
    received_at    timestamptz NOT NULL, -- by the clock of the API that took it in
    admitted_at    timestamptz NOT NULL, -- by the store's clock
    correlation_id text NOT NULL,
    traceparent    text,
    extensions     json,
    fingerprint    bytea NOT NULL,
    data           json,                 -- what is JSON, byte for byte
    bytes          bytea,                -- what is not
    state          text NOT NULL,        -- done, dead or discarded, unless a row of `work` exists; open: requeued
    copies_seen    integer NOT NULL
);

CREATE TABLE work (
    key      uuid PRIMARY KEY,
    handler  text COLLATE "C" NOT NULL,
    due_at   timestamptz NOT NULL,       -- while it runs: when its lease ends
    lease    uuid,
    worker   uuid,
    attempt  integer NOT NULL,
    base     integer NOT NULL,
    crashes  integer NOT NULL,
    requeues integer NOT NULL,
    weight   integer NOT NULL,           -- bytes in memory, roughly
    reopened boolean NOT NULL
) WITH (
    autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 20000,
    autovacuum_analyze_scale_factor = 0.0,
    autovacuum_analyze_threshold = 100000,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX work_due ON work (handler, due_at, key);
CREATE INDEX work_worker ON work (worker, due_at) WHERE worker IS NOT NULL;
CREATE INDEX work_crashed ON work (handler, due_at, key) WHERE crashes > 0;

CREATE TABLE attempts (
    key         uuid NOT NULL,
    ended_at    timestamptz NOT NULL,
    worker      uuid NOT NULL,
    number      integer NOT NULL,
    result      text NOT NULL,           -- done, failed, crashed
    duration_us bigint,
    error       text
);

CREATE INDEX attempts_key ON attempts (key);

CREATE TABLE dead_letters (
    key       uuid PRIMARY KEY,
    reason    text NOT NULL,
    message   text NOT NULL,
    cause     text NOT NULL,
    died_at   timestamptz NOT NULL,
    handler   text COLLATE "C",
    attempt   integer NOT NULL,
    crashes   integer NOT NULL,
    requeues  integer NOT NULL,
    original  uuid,
    discarded boolean NOT NULL
);

CREATE INDEX dead_letters_original ON dead_letters (original) WHERE original IS NOT NULL;

-- One row. Admissions read it FOR SHARE and name the version by which they decided.
CREATE TABLE handler_list (
    one     boolean PRIMARY KEY CHECK (one),
    version bigint NOT NULL,
    joins   bigint NOT NULL,             -- counts registrations, so that a retirement sees one that came between
    paused  boolean NOT NULL
);

INSERT INTO handler_list (one, version, joins, paused) VALUES (true, 0, 0, false);

CREATE TABLE handlers (
    pattern    text COLLATE "C" PRIMARY KEY,
    paused     boolean NOT NULL,
    due        bigint NOT NULL,
    running    bigint NOT NULL,
    oldest_due timestamptz,
    counted_at timestamptz
) WITH (fillfactor = 50);

-- One row: when the unfinished rows were last counted, by one process for all.
CREATE TABLE counting (
    one        boolean PRIMARY KEY CHECK (one),
    counted_at timestamptz
) WITH (fillfactor = 50);

INSERT INTO counting (one) VALUES (true);

CREATE TABLE workers (
    worker         uuid PRIMARY KEY,
    name           text NOT NULL,
    patterns       text[] COLLATE "C" NOT NULL,
    joined_at      timestamptz NOT NULL,
    renewed_at     timestamptz NOT NULL,
    unbroken_since timestamptz NOT NULL, -- since when no gap between two renewals was longer than a third of the lease time
    kept_from      timestamptz NOT NULL, -- no row under its name has an earlier due time
    beat           json
) WITH (fillfactor = 50);

CREATE TABLE jobs (
    id      uuid PRIMARY KEY,
    action  text NOT NULL,
    actor   text NOT NULL,
    at      timestamptz NOT NULL,
    applied bigint NOT NULL,
    stored  bigint NOT NULL,
    refused json NOT NULL
);

CREATE TABLE audit (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    actor   text NOT NULL,
    action  text NOT NULL,
    subject text NOT NULL,
    job     uuid
);

-- What is claimed at the first start and holds from then on: the number of the queue's partitions, for one.
CREATE TABLE settings (
    name  text PRIMARY KEY,
    value text NOT NULL
);

CREATE VIEW event_states AS
SELECT e.key, e.source, e.id, e.type, e.time, e.received_at, e.admitted_at, e.copies_seen,
       CASE WHEN w.key IS NULL THEN e.state WHEN w.lease IS NULL THEN 'due' ELSE 'running' END AS state,
       w.handler, w.due_at, w.worker, w.attempt, w.crashes
FROM events e LEFT JOIN work w ON w.key = e.key;

CREATE VIEW dead_letter_states AS
SELECT d.key, e.source, e.id, e.type, e.received_at, d.died_at, d.reason, d.message, d.cause, d.handler, d.attempt,
       d.crashes, d.requeues, d.original, d.discarded
FROM dead_letters d JOIN events e ON e.key = d.key;
