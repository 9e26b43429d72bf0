#!/usr/bin/env bash
# Brings up compose.yaml on Rocky Linux 9 or Ubuntu 24.04, with Docker installed if it is not there.
#   sudo ./install-compose.sh mlflow.example.com
# May be run again: settings, certificate and data stay. FILES_ONLY=1: .env and the certificate only.
set -euo pipefail
host=${1:?name by which clients reach the server}
cd "$(dirname "$0")"

docker_engine() {
  ! docker compose version >/dev/null 2>&1 || return 0
  if command -v dnf >/dev/null; then
    dnf install --assumeyes dnf-plugins-core
    dnf config-manager --add-repo https://download.docker.com/linux/rhel/docker-ce.repo
    dnf install --assumeyes docker-ce docker-compose-plugin
  else
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install --yes docker.io docker-compose-v2
  fi
  systemctl enable --now docker
}

[ -e .env ] || sh new-env.sh .env "$host"
[ -e tls/mlflow.crt ] || sh new-certificate.sh ca tls "$host" >/dev/null
if [ -z "${FILES_ONLY:-}" ]; then
  docker_engine
  docker compose config --quiet
  docker compose up --detach --build --wait
fi
