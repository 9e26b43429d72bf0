#!/usr/bin/env bash
# Removes what install-systemd.sh laid. Settings, certificates and the database stay, so that it can
# be installed again on them.
#   sudo ./remove-systemd.sh          sudo ./remove-systemd.sh --purge   (settings and database too)
# With DESTDIR=folder: what was laid there, and nothing on this machine.
set -euo pipefail
root=${DESTDIR:-}
purge=${1:-}

if [ -z "$root" ]; then
  systemctl stop 'mlflow@*' || true
fi
systemctl ${root:+--root="$root"} disable mlflow@.service || true # the template: every replica
rm -rf "$root/opt/mlflow" "$root/etc/systemd/system/mlflow@.service" \
  "$root/etc/systemd/journald.conf.d/mlflow.conf" "$root/etc/nginx/conf.d/mlflow.conf"
if [ "$purge" = --purge ]; then
  rm -rf "$root/etc/mlflow" "$root/etc/nginx/tls"
fi
if [ -z "$root" ]; then
  systemctl daemon-reload
  systemctl reload nginx || true
  if [ "$purge" = --purge ]; then
    runuser -u postgres -- psql --quiet --command 'DROP DATABASE mlflow' --command 'DROP ROLE mlflow'
    userdel mlflow
  fi
fi
