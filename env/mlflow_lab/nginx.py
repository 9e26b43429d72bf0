"""nginx."""

import grp
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

from . import http_probe
from .component import Component, Launch, Options
from .programs import SET_UP, Command, require

PORT = "@PORT@"
TEMPORARY_PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

# nginx writes its pid file once it listens. As root its workers would become `nobody` and could not
# enter the folder.
FRAME = """\
daemon off;
{user}pid nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log access.log;
{temporary_paths}
    include site.conf;
}}
"""


class Nginx(Component):
    """Runs `nginx` in the foreground.

    Args:
        configuration: what belongs inside `http {...}`, like a file in /etc/nginx/conf.d: one or
            more `server {...}` blocks, with their `upstream` or `map` blocks. A `Path` is read. The
            word @PORT@ is replaced by the port, as in `listen 127.0.0.1:@PORT@;`; nothing else is
            touched. Relative paths of certificates and password files are relative to `folder`.
        files: contents by name, written into `folder` before the start: certificates, passwords.

    Attributes:
        uri: https if the configuration says `ssl` after @PORT@, http otherwise.

    In the folder: the given text as `site.conf` (so line numbers in messages are those of the
    text), included by `nginx.conf`; `access.log`; errors go to `log_path`.
    """

    title = "nginx"
    log_name = "nginx.log"

    def __init__(
        self,
        configuration: str | Path,
        *,
        files: Mapping[str, str] | None = None,
        **component: Unpack[Options],
    ) -> None:
        super().__init__(**component)
        if isinstance(configuration, Path):
            configuration = configuration.read_text()
        if PORT not in configuration:
            raise ValueError(f"The configuration does not listen on {PORT}.")
        self.configuration = configuration
        self._files = dict(files or {})

    @property
    def uri(self) -> str:
        scheme = "https" if re.search(rf"{PORT}[^;]*\bssl\b", self.configuration) else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def _plan(self) -> Launch:
        program = require("nginx", "nginx", SET_UP)
        text = FRAME.format(
            user=f"user root {grp.getgrgid(0).gr_name};\n" if os.getuid() == 0 else "",
            temporary_paths="\n".join(f"    {p}_temp_path {p}_temp;" for p in TEMPORARY_PATHS),
        )
        site = self.configuration.replace(PORT, str(self.port))
        # -e: without it nginx first tries the log file it was compiled with.
        command = Command(program, ("-p", ".", "-c", "nginx.conf", "-e", "stderr"))
        return Launch(command, files={**self._files, "nginx.conf": text, "site.conf": site})

    def _healthy(self) -> bool:
        try:
            pid = (self.folder / "nginx.pid").read_text().strip()
        except FileNotFoundError:
            return False
        return pid == str(self.pid) and http_probe.listens(self.port)
