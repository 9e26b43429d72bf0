-- The role and the database of the server, in a PostgreSQL that runs already. As its superuser:
--   export POSTGRES_PASSWORD; runuser -u postgres -- psql --quiet < database.sql
-- May be run again: what is there stays, and the role gets this password.
\set ON_ERROR_STOP on
\set password `printf %s "$POSTGRES_PASSWORD"`
SET password_encryption = 'scram-sha-256';
SELECT 'CREATE ROLE mlflow' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mlflow') \gexec
ALTER ROLE mlflow LOGIN PASSWORD :'password';
SELECT 'CREATE DATABASE mlflow OWNER mlflow TEMPLATE template0 ENCODING ''UTF8'''
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'mlflow') \gexec
REVOKE ALL ON DATABASE mlflow FROM PUBLIC;
