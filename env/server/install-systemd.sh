#!/usr/bin/env bash
# Installs the server on Rocky Linux 9 or Ubuntu 24.04: MLflow with systemd, PostgreSQL, nginx.
#   sudo ./install-systemd.sh mlflow.example.com
# Starts no replica: the keys of the S3-compatible store have to be filled in first. May be run
# again, also for an upgrade: settings, certificate, data and /etc/nginx/mlflow.d stay, all else is
# laid anew, and nginx reads it.
# PORTS="5000 5001": a replica each; without it those of the last time. PYTHON=python3.12: which one.
# MLFLOW_BACKEND_STORE_URI=postgresql://...: a PostgreSQL elsewhere, then none is installed here.
# With DESTDIR=folder the files are laid there, and nothing on this machine is changed.
set -euo pipefail
umask 022
host=${1:?name by which clients reach the server}
here=$(cd "$(dirname "$0")" && pwd)
root=${DESTDIR:-}
conf=$root/etc/nginx/conf.d/mlflow.conf
env=$root/etc/mlflow/mlflow.env
if [ -z "${PORTS:-}" ] && [ -e "$conf" ]; then
  PORTS=$(sed -n 's/^    server 127\.0\.0\.1:\([0-9]*\) .*/\1/p' "$conf" | xargs)
fi
read -ra ports <<<"${PORTS:-5000 5001}"
uri=${MLFLOW_BACKEND_STORE_URI:-$(sed -n 's/^MLFLOW_BACKEND_STORE_URI=//p' "$env" 2>/dev/null || true)}

own_postgresql() { [[ -z $uri || $uri == *@127.0.0.1:* ]]; }

packages() {
  local postgresql=()
  if command -v dnf >/dev/null; then
    dnf module enable --assumeyes postgresql:16
    postgresql=(postgresql) # pg_dump, for backups
    if own_postgresql; then postgresql=(postgresql-server); fi
    dnf install --assumeyes python3.11 nginx openssl policycoreutils-python-utils "${postgresql[@]}"
  else
    postgresql=(postgresql-client)
    if own_postgresql; then postgresql=(postgresql); fi
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install --yes python3-venv nginx openssl "${postgresql[@]}"
    rm -f /etc/nginx/sites-enabled/default
  fi
}

user() {
  getent passwd mlflow >/dev/null || useradd --system --user-group --home-dir /opt/mlflow \
    --no-create-home --shell /usr/sbin/nologin mlflow
}

environment() {
  local venv=$root/opt/mlflow/venv lock=$here/packages.lock python
  python=${PYTHON:-$(command -v python3.11 || command -v python3.12 || command -v python3.13)} ||
    { echo "Python 3.11, 3.12 or 3.13 is needed" >&2 && exit 1; }
  if command -v uv >/dev/null; then
    uv venv --quiet --allow-existing --python "$python" "$venv"
    uv pip install --quiet --python "$venv" --compile-bytecode --require-hashes --requirement "$lock"
  else
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --require-hashes --requirement "$lock"
  fi
}

files() {
  install -d -m 755 "$root/opt/mlflow/server" "$root/etc/systemd/system" "$root/etc/nginx/conf.d" \
    "$root/etc/nginx/mlflow.d" "$root/etc/systemd/journald.conf.d"
  install -d -m 700 "$root/etc/mlflow"
  install -m 644 "$here"/{start.sh,prepare.py,application.py,authentication.py,permissions.py} \
    "$here"/{ready.py,watch.py,users.py,stack.sh,artifacts.py} "$here"/{new,renew}-certificate.sh \
    "$root/opt/mlflow/server"
  install -m 755 "$here"/{backup,restore,verify}.sh "$root/opt/mlflow/server"
  install -m 644 "$here/mlflow@.service" "$here"/mlflow-{certificate,backup}.{service,timer} \
    "$root/etc/systemd/system"
  install -m 644 "$here/journald.conf" "$root/etc/systemd/journald.conf.d/mlflow.conf"
  # nginx.conf names its replicas mlflow-1 and mlflow-2: here they are ports of this machine.
  local line port
  while IFS= read -r line; do
    case $line in
      "    server mlflow-1:5000"*) for port in "${ports[@]}"; do
        echo "${line/mlflow-1:5000/127.0.0.1:$port}"
      done ;;
      "    server mlflow-"*) ;;
      "    listen "*)
        echo "$line"
        # nginx does not start with an address that the machine has not.
        if [ -z "$root" ] && [ -e /proc/net/if_inet6 ]; then echo "${line/listen /listen [::]:}"; fi
        ;;
      *) printf '%s\n' "$line" ;;
    esac
  done <"$here/nginx.conf" >"$conf"
}

settings() {
  local password
  if [ -e "$env" ]; then
    grep -Eq "^MLFLOW_SERVER_ALLOWED_HOSTS=(.*,)?${host//./\\.}(:.*|,.*)?$" "$env" ||
      echo "$env is of another name and stays: see MLFLOW_SERVER_ALLOWED_HOSTS there" >&2
    return 0
  fi
  password=$(openssl rand -hex 24)
  POSTGRES_PASSWORD=$password \
    MLFLOW_BACKEND_STORE_URI=${MLFLOW_BACKEND_STORE_URI:-postgresql://mlflow:$password@127.0.0.1:5432/mlflow} \
    sh "$here/new-env.sh" "$env" "$host"
}

certificate() {
  [ -e "$root/etc/nginx/tls/mlflow.crt" ] ||
    sh "$here/new-certificate.sh" "$root/etc/mlflow/ca" "$root/etc/nginx/tls" "$host" >/dev/null
}

database() {
  if command -v postgresql-setup >/dev/null; then # Rocky; Ubuntu has done this by itself
    [ -e /var/lib/pgsql/data/PG_VERSION ] || PGSETUP_INITDB_OPTIONS="--encoding=UTF8" postgresql-setup --initdb
    # `ident` asks the client's machine who its user is; MLflow has a password.
    sed -i -E 's/^(host.*[[:space:]])ident$/\1scram-sha-256/' /var/lib/pgsql/data/pg_hba.conf
  fi
  systemctl enable --now postgresql
  systemctl reload postgresql
  POSTGRES_PASSWORD=$(sed -n 's/^POSTGRES_PASSWORD=//p' /etc/mlflow/mlflow.env)
  export POSTGRES_PASSWORD
  runuser -u postgres -- psql --quiet <"$here/database.sql"
}

security() {
  if command -v setsebool >/dev/null && selinuxenabled; then
    setsebool -P httpd_can_network_connect on # nginx to the replicas
    restorecon -R /opt/mlflow /etc/mlflow /etc/nginx
  fi
  if command -v firewall-cmd >/dev/null && firewall-cmd --state >/dev/null 2>&1; then
    firewall-cmd --permanent --add-service=http --add-service=https
    firewall-cmd --reload
  elif command -v ufw >/dev/null; then
    ufw allow 80,443/tcp # takes effect where ufw is enabled
  fi
}

if [ -z "$root" ]; then
  packages
  user
fi
files
environment
settings
certificate
if [ -z "$root" ]; then
  if own_postgresql; then database; fi
  security
  systemctl daemon-reload
  systemctl restart systemd-journald
  systemctl enable --now mlflow-certificate.timer
  nginx -t
  systemctl enable nginx
  systemctl reload-or-restart nginx # it may run already, with another file
fi
cat <<END
Installed. Now fill in MLFLOW_S3_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in
/etc/mlflow/mlflow.env, give clients /etc/mlflow/ca/ca.crt, then:
  systemctl enable --now ${ports[*]/#/mlflow@} mlflow-backup.timer
END
