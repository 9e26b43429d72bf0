#!/usr/bin/env bash
# Removes what install-systemd.sh laid. Settings, certificates, the database and backups stay, so that
# it can be installed again on them.
#   sudo ./remove-systemd.sh
#   sudo ./remove-systemd.sh --purge [--yes]
# With --purge settings, certificates, the database and its role go too; --yes: without asking. The
# database is dumped first, into DUMPS (/var/backups); files in the store and backups stay. A
# PostgreSQL elsewhere is left as it is.
# With DESTDIR=folder: what was laid there, and nothing on this machine.
set -euo pipefail
root=${DESTDIR:-}
purge=
case "$*" in
  "") ;;
  --purge | "--purge --yes") purge=yes ;;
  *) echo "usage: $0 [--purge [--yes]]" >&2 && exit 2 ;;
esac
settings=$root/etc/mlflow/mlflow.env

if [ "$purge" ] && [ "${2:-}" != --yes ]; then
  [ -t 0 ] || { echo "--purge removes settings and database: add --yes to do it unasked" >&2 && exit 1; }
  read -rp "Remove the settings, the CA, all runs, models and users of MLflow? Type purge: " answer
  [ "$answer" = purge ] || { echo "that was not the word: nothing was removed" >&2 && exit 1; }
fi

own_postgresql() { [ ! -e "$settings" ] || grep -q '^MLFLOW_BACKEND_STORE_URI=.*@127\.0\.0\.1:' "$settings"; }
as_postgres() { (cd / && runuser -u postgres -- "$@"); }
sql() { as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command "$1"; }
stop() { echo "$*: nothing was removed" >&2 && exit 1; }

# First, while all that it needs is there.
database() {
  local others dump
  others=$(sql "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = 'mlflow' AND datname <> 'mlflow'" | xargs)
  [ -z "$others" ] || stop "the role mlflow also owns $others, which you drop yourself"
  dump=${DUMPS:-/var/backups}/mlflow-$(date -u +%Y-%m-%dT%H%M%SZ).dump
  mkdir -p "${dump%/*}"
  (umask 077 && as_postgres pg_dump --format=custom mlflow >"$dump") &&
    as_postgres pg_restore --data-only --file=/dev/null <"$dump" || # it is whole
    { rm -f "$dump" && stop "the database could not be dumped"; }
  echo "the database as it was: $dump"
  sql 'DROP DATABASE mlflow WITH (FORCE)'
  sql 'DROP ROLE mlflow'
}

if [ -z "$root" ]; then
  systemctl stop 'mlflow@*' mlflow-certificate.timer mlflow-backup.timer mlflow-backup.service || true
  if [ "$purge" ]; then
    if own_postgresql; then
      database
    else
      echo "the database of $(sed -n 's/^MLFLOW_BACKEND_STORE_URI=.*@//p' "$settings") is left as it is"
    fi
  fi
fi
# mlflow@.service is the template: every replica.
for unit in mlflow@.service mlflow-certificate.timer mlflow-backup.timer; do
  systemctl ${root:+--root="$root"} disable "$unit" || true
done
rm -rf "$root/opt/mlflow" "$root/etc/systemd/system/mlflow@.service" \
  "$root"/etc/systemd/system/mlflow-{certificate,backup}.{service,timer} \
  "$root/etc/systemd/journald.conf.d/mlflow.conf" "$root/etc/nginx/conf.d/mlflow.conf"
if [ "$purge" ]; then
  rm -rf "$root/etc/mlflow" "$root/etc/nginx/tls"
fi
if [ -z "$root" ]; then
  systemctl daemon-reload
  systemctl reload nginx || true
  if [ "$purge" ]; then
    userdel mlflow
  fi
fi
