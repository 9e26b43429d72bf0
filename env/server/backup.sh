#!/usr/bin/env bash
# A backup of the database and of all artifacts, while runs are being logged.
#   sudo ./backup.sh        (Compose: in this folder; systemd: `systemctl start mlflow-backup`)
# The database first, as it is at one moment, then the artifacts: a file that a row speaks of is
# there. Artifacts are copied that are new or have changed. BACKUP_FOLDER: see stack.sh. BACKUP_DAYS
# (14): older backups are removed once this one is whole. BACKUP_METRICS: folder of mlflow_backup.prom
# for the textfile collector of Prometheus's node exporter, by default BACKUP_FOLDER. Ends with 0 when
# there is a backup, otherwise nothing is left that looks like one.
outcome="no backup was made"
. "$(dirname "$0")/stack.sh"
days=${BACKUP_DAYS:-14}
[[ $days =~ ^[1-9][0-9]*$ ]] || fail "BACKUP_DAYS is no number of days: $days"
mkdir -p "$BACKUP_FOLDER"
[ -O "$BACKUP_FOLDER" ] || fail "$BACKUP_FOLDER belongs to $(stat -c %U "$BACKUP_FOLDER"):" \
  "run this as that user (systemd: systemctl start mlflow-backup)"
take_lock
rm -rf "$BACKUP_FOLDER"/2*.partial
backup=$(date -u +%Y-%m-%dT%H%M%SZ)
new=$BACKUP_FOLDER/$backup.partial
on_exit() { rm -rf "$scratch" "$new"; }
mkdir "$new"

attempt "dumping the database" \
  postgres pg_dump --format=custom --dbname="$database" >"$new/database.dump"
attempt "reading the dump back (is the disk full?)" rows <"$new/database.dump" >"$new/rows"
attempt "copying the artifacts" artifacts copy "$backup.partial" >"$scratch/copied"
(cd "$new" && attempt "writing SHA256SUMS" sha256sum database.dump rows artifacts.jsonl >SHA256SUMS)
sync "$new"/* "$new"
mv --no-target-directory "$new" "$BACKUP_FOLDER/$backup"
sync "$BACKUP_FOLDER"

outcome="$backup was made, but"
for old in $(backups); do
  if [[ $old < $(date -u -d "-$days days" +%Y-%m-%dT%H%M%SZ) ]]; then
    mv "$BACKUP_FOLDER/$old" "$BACKUP_FOLDER/$old.partial"
    rm -rf "$BACKUP_FOLDER/$old.partial"
  fi
done
attempt "removing files of old backups" artifacts sweep

read -r objects bytes copied gone <"$scratch/copied"
bytes=$((bytes + $(stat -c %s "$BACKUP_FOLDER/$backup/database.dump")))
metrics=${BACKUP_METRICS:-$BACKUP_FOLDER}
cat >"$metrics/.mlflow_backup" <<END
# HELP mlflow_backup_last_success_timestamp_seconds When the last whole backup was made.
# TYPE mlflow_backup_last_success_timestamp_seconds gauge
mlflow_backup_last_success_timestamp_seconds $(date +%s)
# HELP mlflow_backup_bytes Size of what that backup holds: the dump and all artifacts.
# TYPE mlflow_backup_bytes gauge
mlflow_backup_bytes $bytes
END
chmod 644 "$metrics/.mlflow_backup"
mv "$metrics/.mlflow_backup" "$metrics/mlflow_backup.prom"
echo "$backup: $(total_rows), $objects artifacts ($copied copied, $gone gone meanwhile), $bytes bytes"
