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

# A second folder with the same name would change the containers and volumes of the first one.
name_is_free() {
  local name others
  name=$(sed -n 's/^COMPOSE_PROJECT_NAME=//p' .env)
  others=$(docker ps --all --filter "label=com.docker.compose.project=$name" \
    --format '{{.Label "com.docker.compose.project.working_dir"}}' |
    { grep -vxF -e "$PWD" -e "$(pwd -P)" || true; } | sort -u | xargs)
  [ -z "$others" ] || {
    echo "the stack $name was started from $others: write another COMPOSE_PROJECT_NAME into .env" >&2
    exit 1
  }
}

[ -e .env ] || sh new-env.sh .env "$host"
grep -Eq "^MLFLOW_SERVER_ALLOWED_HOSTS=(.*,)?${host//./\\.}(:.*|,.*)?$" .env ||
  echo ".env is of another name and stays: see MLFLOW_SERVER_ALLOWED_HOSTS there" >&2
[ -e tls/mlflow.crt ] || sh new-certificate.sh ca tls "$host" >/dev/null
if [ -z "${FILES_ONLY:-}" ]; then
  docker_engine
  name_is_free
  chmod a+r ./*.sql # PostgreSQL is not root in its container
  docker compose config --quiet
  docker compose up --detach --build --wait
  # A running one keeps the nginx.conf that it started with.
  docker compose up --detach --wait --no-deps --force-recreate proxy
fi
