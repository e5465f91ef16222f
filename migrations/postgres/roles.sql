-- Least-privilege roles for EventFlow. Not applied by `eventflow migrate`: an administrator runs this file once.
--
--   psql -v ON_ERROR_STOP=1 -d eventflow -f roles.sql
--   ALTER ROLE eventflow_migrator PASSWORD '…';  ALTER ROLE eventflow_app PASSWORD '…';
--
-- `eventflow migrate` runs as eventflow_migrator, which owns the tables; `api`, `worker` and `solo` run as eventflow_app.
-- Run the file before the first migration; the grants below reach the tables that the migrator makes later.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'eventflow_migrator') THEN
        CREATE ROLE eventflow_migrator LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'eventflow_app') THEN
        CREATE ROLE eventflow_app LOGIN;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO eventflow_migrator, eventflow_app', current_database());
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO eventflow_migrator;
GRANT USAGE ON SCHEMA public TO eventflow_app;

-- Who is still writing bounds what a lease query may skip; without this grant the skipping is left out, and a held
-- snapshot slows the leases down.
GRANT pg_read_all_stats TO eventflow_app;

ALTER DEFAULT PRIVILEGES FOR ROLE eventflow_migrator IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO eventflow_app;
ALTER DEFAULT PRIVILEGES FOR ROLE eventflow_migrator IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO eventflow_app;

-- Where the tables stand already.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO eventflow_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO eventflow_app;

-- Audit rows are only ever added, and what was migrated is only read. Run this part again after the first migration.
DO $$
BEGIN
    IF to_regclass('public.audit') IS NOT NULL THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON public.audit FROM eventflow_app;
    END IF;
    IF to_regclass('public._sqlx_migrations') IS NOT NULL THEN
        REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON public._sqlx_migrations FROM eventflow_app;
    END IF;
END
$$;

-- The session settings that EventFlow sets on every connection, for those who reach the server through a pooler that
-- loses them. They keep a client that stops in the middle from holding up others.
ALTER ROLE eventflow_app SET lock_timeout = '2s';
ALTER ROLE eventflow_app SET statement_timeout = '5s';
ALTER ROLE eventflow_app SET idle_in_transaction_session_timeout = '2s';
ALTER ROLE eventflow_app SET tcp_user_timeout = '3s';
ALTER ROLE eventflow_app SET jit = off;
ALTER ROLE eventflow_app SET plan_cache_mode = force_generic_plan;
ALTER ROLE eventflow_app SET enable_seqscan = off;
ALTER ROLE eventflow_app SET enable_bitmapscan = off;
ALTER ROLE eventflow_app SET enable_sort = off;
ALTER ROLE eventflow_app SET enable_mergejoin = off;
ALTER ROLE eventflow_app SET enable_nestloop = off;
