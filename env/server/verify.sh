#!/usr/bin/env bash
# Whether a backup is whole: every byte of the dump and of every artifact as it was written.
#   sudo ./verify.sh [2026-11-30T031500Z]             (the newest one)
#   sudo ./verify.sh --stack [2026-11-30T031500Z]     whether the server holds the same, too
# For --stack nobody may have logged since: it compares the number of rows of every table and the
# SHA-256 of every artifact. Changes nothing. Ends with 0 when all is the same.
outcome="not verified"
. "$(dirname "$0")/stack.sh"
stack=
if [ "${1:-}" = --stack ]; then
  stack=yes
  shift
fi
choose "${1:-}"
check_backup >"$scratch/checked"
if [ "$stack" ]; then
  same_rows "$database"
  attempt "comparing the artifacts" artifacts compare "$backup" >"$scratch/checked"
fi
echo "$backup is whole${stack:+, and the server holds the same}: $(total_rows), $(cat "$scratch/checked")"
