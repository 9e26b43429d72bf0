#!/usr/bin/env bash
# Installs the programs that are not Python packages: what chapters and tests start or drive.
# Installs only what is missing, and only where it may: as root or with password-less sudo on
# Debian, Ubuntu, Rocky; with Homebrew on macOS. Elsewhere it prints the one command to run and stops.
set -euo pipefail

has() { command -v "$1" >/dev/null 2>&1; }
has_chromium() { has chromium || has chromium-browser || has google-chrome ||
  [ -d "/Applications/Google Chrome.app" ] || [ -d "/Applications/Chromium.app" ]; }
has_postgresql() { has postgres || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; }
has_mariadb() { has mariadbd || [ -x /usr/sbin/mariadbd ] || [ -x /usr/libexec/mariadbd ]; }
has_sshd() { has sshd || [ -x /usr/sbin/sshd ]; }
has_prometheus() { has prometheus; }
has_keyring() { [ -e /usr/share/keyrings/debian-archive-keyring.gpg ]; }
has_java() { java -version >/dev/null 2>&1; } # macOS has a java that only offers to install one
has_korean_font() { [ "$(uname)" = Darwin ] || { has fc-list && [ -n "$(fc-list :lang=ko)" ]; }; }
has_venv() { [ "$(uname)" = Darwin ] || [ -x .venv/bin/python ] ||
  "${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null; }

# One line a part: what proves it is there, then its package on Debian, Rocky and macOS.
parts=(
  "has git|git|git|git"
  "has curl|curl|curl|curl"
  "has nginx|nginx|nginx|nginx"
  "has openssl|openssl|openssl|openssl"
  "has_postgresql|postgresql|postgresql-server|postgresql"
  "has_mariadb|mariadb-server|mariadb-server|mariadb"
  "has systemd-analyze|systemd|systemd|"
  "has_sshd|openssh-server|openssh-server|"
  "has_prometheus|prometheus||prometheus"
  # Containers are brought up by a test on Debian and Ubuntu alone: mmdebstrap makes the base image.
  # One by one, because Docker brings a runc of its own that the package would replace.
  "has podman|podman aardvark-dns netavark iptables||"
  "has runc|runc||"
  "has catatonit|catatonit||"
  "has mmdebstrap|mmdebstrap||"
  "has_keyring|debian-archive-keyring||"
  "has_java|default-jre-headless|java-17-openjdk-headless|--cask temurin@17"
  "has npm|nodejs npm|nodejs npm|node"
  "has_chromium|chromium|chromium|--cask chromium"
  "has_korean_font|fonts-noto-cjk|google-noto-sans-cjk-ttc-fonts|"
  "has_venv|python3-venv||"
)

if has apt-get; then column=2 install="apt-get install -y --no-install-recommends"
elif has dnf; then column=3 install="dnf install -y"
elif has brew; then column=4 install="brew install"
else column=2 install=""
fi

missing=()
for part in "${parts[@]}"; do
  if ! eval "${part%%|*}"; then
    package=$(cut -d'|' -f$column <<<"$part")
    [ -z "$package" ] || missing+=("$package")
  fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

command="$install ${missing[*]}"
# Chromium for Rocky is in EPEL.
[ "$column" = 3 ] && command="dnf install -y epel-release && $command"
[ "$column" = 2 ] && [ -n "$install" ] && command="apt-get update && $command"

as_root=""
if [ -z "$install" ]; then
  echo "These programs are needed and missing: ${missing[*]}. Install them, then run make again." >&2
  exit 1
elif has brew && [ "$column" = 4 ]; then :
elif [ "$(id -u)" = 0 ]; then :
elif sudo -n true 2>/dev/null; then as_root="sudo"
else
  echo "Some programs are missing. Run this, then make again:" >&2
  echo "  sudo sh -c '$command'" >&2
  exit 1
fi

echo "== system parts: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
$as_root sh -c "$command" >/dev/null
