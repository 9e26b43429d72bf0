#!/usr/bin/env bash
# Puts a backup into an empty server, or takes the database back to one after an upgrade.
#   sudo ./restore.sh [2026-11-30T031500Z]     (the newest one)
#     Database and store run and are empty, no replica runs: in Compose
#     `docker compose up --detach --wait database store`. May be started again when it was stopped.
#   sudo ./restore.sh --rollback 2026-11-30T031500Z
#     No replica runs. Artifacts stay as they are; the database as it is now is kept beside.
# Either way the dump goes into a new database, which takes the name of the old one only when it has
# as many rows in every table: what a newer MLflow has made is in nobody's way, and until then the
# database is as it was. BACKUP_FOLDER, ADMIN_URI: see stack.sh.
outcome="nothing was restored"
. "$(dirname "$0")/stack.sh"
rollback=
if [ "${1:-}" = --rollback ]; then
  rollback=yes
  shift
  [ -n "${1:-}" ] || fail "which one: $(backups | xargs)?"
fi
choose "${1:-}"
take_lock
new=${database}_restoring
kept=${database}_before_$(date -u +%Y%m%dT%H%M%SZ)

# sql statement: as the administrator, with the names above
sql() { administer --set=old="$database" --set=new="$new" --set=kept="$kept" --set=role="$role" <<<"$1"; }

check_backup >/dev/null
sessions=$(attempt "reaching the database" sql \
  "SELECT count(*) FROM pg_stat_activity WHERE datname = :'old' AND backend_type = 'client backend'")
[ "$sessions" = 0 ] || fail "$sessions connections to the database $database: stop the replicas first"
if [ -z "$rollback" ]; then
  attempt "looking into the database" counts "$database" >"$scratch/there"
  [ ! -s "$scratch/there" ] || fail "the database $database is not empty:" \
    "$(wc -l <"$scratch/there") tables, $(head -n 3 "$scratch/there" | cut -f 1 | xargs) ..."
  attempt "putting back the artifacts" artifacts put "$backup" >"$scratch/put"
fi

attempt "creating $new" sql 'DROP DATABASE IF EXISTS :"new" WITH (FORCE)'
attempt "creating $new" sql \
  "CREATE DATABASE :\"new\" OWNER :\"role\" TEMPLATE template0 ENCODING 'UTF8'"
attempt "creating $new" sql 'REVOKE ALL ON DATABASE :"new" FROM PUBLIC'
attempt "filling $new" postgres pg_restore --no-owner --no-privileges --exit-on-error \
  --single-transaction --dbname="$new" <"$BACKUP_FOLDER/$backup/database.dump"
same_rows "$new"

# Both names in one transaction: at no moment is there no database.
attempt "exchanging the databases" sql \
  'BEGIN; ALTER DATABASE :"old" RENAME TO :"kept"; ALTER DATABASE :"new" RENAME TO :"old"; COMMIT'
if [ -z "$rollback" ]; then
  outcome="restored, but an empty database $kept is left"
  attempt "removing it" sql 'DROP DATABASE :"kept"'
  echo "$backup is restored: $(total_rows), $(cat "$scratch/put"), all as in the backup"
else
  echo "$backup is the database again: $(total_rows). As it was before it is kept as $kept"
fi
