#!/bin/sh
# What the image of PostgreSQL does with POSTGRES_PASSWORD and /docker-entrypoint-initdb.d on an
# empty volume.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "${POSTGRES_PASSWORD:?}"
  umask 077
  printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
  initdb --username=postgres --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256
  rm /tmp/password
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl --wait --options="-c listen_addresses='' -k /run/postgresql" start
  for file in /docker-entrypoint-initdb.d/*.sql; do
    psql --no-psqlrc -v ON_ERROR_STOP=1 --host=/run/postgresql --username=postgres --file="$file"
  done
  pg_ctl --wait --mode=fast stop
fi
exec "$@" -c listen_addresses='*' -k /run/postgresql
