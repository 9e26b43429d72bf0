# What backup.sh, restore.sh and verify.sh have in common: how the data of the server are reached. With
# compose.yaml beside this file they are those of its stack; without it those of this machine (systemd),
# with the settings of /etc/mlflow/mlflow.env. A variable of the environment comes before those files:
#   BACKUP_FOLDER   where backups are: /var/lib/mlflow-backup, for Compose with the name of the stack
#   ADMIN_URI       of a role that may create databases, where the user postgres of this machine is none
# Whoever reads this file says first, in `outcome`, what a failure means.
#
# A backup is a folder named by its time (UTC): database.dump, rows (how many each table has),
# artifacts.jsonl (key, size and SHA-256 of every object), SHA256SUMS. The objects of all backups are
# once each in objects/, under their SHA-256. A folder that ends in .partial is no backup.
set -euo pipefail
umask 077
me=${0##*/}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
on_exit() { rm -rf "$scratch"; }
trap on_exit EXIT

fail() {
  echo "$me: $outcome: $*" >&2
  exit 1
}

# attempt "what is done" command...: what it prints. When it fails, its last words are the reason.
attempt() {
  local what=$1
  shift
  "$@" 2>"$scratch/said" || fail "$what: $(tail -n 1 "$scratch/said")"
}

settings() { # those of a file, where the environment has none; it is no shell script
  local line name
  [ -r "$1" ] || return 0
  while IFS= read -r line; do
    case $line in [A-Z]*=*) name=${line%%=*} ;; *) continue ;; esac
    [ -n "${!name:-}" ] || export "$name=${line#*=}"
  done <"$1"
}

if [ -e "$here/compose.yaml" ]; then
  settings <(grep -E '^(COMPOSE_PROJECT_NAME|BACKUP_[A-Z]+)=' "$here/.env")
  read -ra compose <<<"${COMPOSE:-docker compose}"
  compose+=(--file "$here/compose.yaml")
  database=mlflow role=mlflow
  export BACKUP_FOLDER="${BACKUP_FOLDER:-/var/lib/mlflow-backup/${COMPOSE_PROJECT_NAME:-mlflow}}"
  BACKUP_USER=$(id -u):$(id -g) # compose.yaml: whose the files are
  export BACKUP_USER
  in_database() { # who, then psql, pg_dump or pg_restore: nobody needs a password on that socket
    "${compose[@]}" exec -T database "$2" --host=/run/postgresql --username="$1" "${@:3}"
  }
  postgres() { in_database "$role" "$@"; }
  administer() { in_database postgres psql --no-psqlrc --quiet --tuples-only --no-align \
    --set=ON_ERROR_STOP=1 --dbname=postgres "$@"; }
  artifacts() { "${compose[@]}" --profile backup run --rm --no-deps -T backup "$@" </dev/null; }
else
  settings /etc/mlflow/mlflow.env
  export BACKUP_FOLDER="${BACKUP_FOLDER:-/var/lib/mlflow-backup}"
  export PATH="$here/../venv/bin:$PATH"
  # No password on a command line: libpq reads a file.
  export PGSERVICEFILE="$scratch/services" PGSERVICE=mlflow
  services() {
    python - "$1" "$2" <<'PYTHON'
import os, re, sys
from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn
section, uri = sys.argv[1], re.sub(r"^(postgres(ql)?)\+\w+:", r"\1:", os.environ[sys.argv[2]])
try:
    values = parse_dsn(uri)
except ProgrammingError: # whose message has the password in it
    sys.exit("it is no address of a PostgreSQL")
print(f"[{section}]", *(f"{name}={value}" for name, value in values.items()), sep="\n")
PYTHON
  }
  [ -n "${MLFLOW_BACKEND_STORE_URI:-}" ] || fail "MLFLOW_BACKEND_STORE_URI is empty"
  attempt "reading MLFLOW_BACKEND_STORE_URI" services mlflow MLFLOW_BACKEND_STORE_URI >"$PGSERVICEFILE"
  database=$(sed -n 's/^dbname=//p' "$PGSERVICEFILE") role=$(sed -n 's/^user=//p' "$PGSERVICEFILE")
  if [ -n "${ADMIN_URI:-}" ]; then
    attempt "reading ADMIN_URI" services admin ADMIN_URI >>"$PGSERVICEFILE"
  fi
  postgres() { "$@"; }
  administer() {
    local options=(--no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname=postgres)
    if [ -n "${ADMIN_URI:-}" ]; then
      PGSERVICE=admin psql "${options[@]}" "$@"
    else
      (cd / && runuser -u postgres -- env -u PGSERVICE psql "${options[@]}" "$@")
    fi
  }
  artifacts() { python "$here/artifacts.py" "$@"; }
fi

# Nothing removes anything from database and store while a backup is made or put back: `mlflow gc`
# has to hold this lock too, see README.md.
take_lock() {
  exec 9>>"$BACKUP_FOLDER/lock"
  [ -O "$BACKUP_FOLDER" ] || chown --reference="$BACKUP_FOLDER" "$BACKUP_FOLDER/lock" # root restores
  flock --nonblock 9 || fail "another backup, restore or mlflow gc holds $BACKUP_FOLDER/lock"
}

backups() { # names, oldest first
  find "$BACKUP_FOLDER" -mindepth 1 -maxdepth 1 -type d -name '2*Z' -printf '%f\n' | LC_ALL=C sort
}

choose() { # sets `backup`: the one that is named, else the newest
  backup=${1:-$(backups | tail -n 1)}
  [ -n "$backup" ] || fail "there is no backup in $BACKUP_FOLDER"
  [[ $backup != *.partial && -d $BACKUP_FOLDER/$backup ]] ||
    fail "$BACKUP_FOLDER has no backup $backup, but $(backups | xargs)"
}

# Of a dump on standard input: a line for each table, with its number of rows. Reads all of it.
rows() {
  postgres pg_restore --data-only --file=- | awk '
    !table && /^COPY / { sub(/^COPY /, ""); sub(/ \(.*/, ""); table = $0; n = 0; next }
    table && $0 == "\\." { print table "\t" n; table = ""; next }
    table { n++ }' | LC_ALL=C sort
}

# The same of a database.
counts() {
  postgres psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$1" <<'SQL' |
SELECT format('SELECT %L || count(*) FROM %1$s', t || E'\t', t)
FROM (SELECT format('%I.%I', schemaname, tablename) AS t FROM pg_tables
      WHERE schemaname NOT IN ('pg_catalog', 'information_schema')) AS tables \gexec
SQL
    LC_ALL=C sort
}

differences() { # of two such lists, in one line
  diff <(cat "$1") <(cat "$2") | grep '^[<>]' | tr '\t' ' ' | head -n 4 | paste -sd ';' || true
}

check_backup() { # that every byte of $backup is there and as it was
  local folder=$BACKUP_FOLDER/$backup
  (cd "$folder" && sha256sum --check --status --strict SHA256SUMS) 2>/dev/null ||
    fail "$backup: database.dump, rows or artifacts.jsonl is missing or not as it was written"
  attempt "reading $backup/database.dump" rows <"$folder/database.dump" >"$scratch/rows"
  cmp --silent "$scratch/rows" "$folder/rows" ||
    fail "$backup: the dump has other rows: $(differences "$scratch/rows" "$folder/rows")"
  attempt "reading the files of $backup" artifacts check "$backup"
}

same_rows() { # that this database has the rows of $backup
  attempt "counting the rows of $1" counts "$1" >"$scratch/counts"
  cmp --silent "$scratch/counts" "$BACKUP_FOLDER/$backup/rows" || fail \
    "$1 has other rows than $backup: $(differences "$scratch/counts" "$BACKUP_FOLDER/$backup/rows")"
}

total_rows() { awk '{ n += $NF } END { print n + 0, "rows in", NR, "tables" }' "$BACKUP_FOLDER/$backup/rows"; }
