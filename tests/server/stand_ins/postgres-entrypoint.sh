#!/bin/sh
# What the image of PostgreSQL does with POSTGRES_USER and POSTGRES_PASSWORD on an empty volume.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "${POSTGRES_PASSWORD:?}"
  umask 077
  printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
  initdb --username="$POSTGRES_USER" --pwfile=/tmp/password \
    --auth-local=trust --auth-host=scram-sha-256
  rm /tmp/password
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl --wait --options="-c listen_addresses='' -k /run/postgresql" start
  createdb --host=/run/postgresql --username="$POSTGRES_USER" "$POSTGRES_USER"
  pg_ctl --wait --mode=fast stop
fi
exec "$@" -c listen_addresses='*' -k /run/postgresql
