"""nginx.conf for an nginx behind a proxy that ends TLS, as in kubernetes/.

    python plain_http.py nginx.conf default.conf

It listens on 8080, on IPv6 too where there is any, without a certificate of its own. Clients speak
https to what is before it; what is not to go through there has to be kept away from the port.
"""

import re
import sys
from pathlib import Path

# What is exchanged, each exactly once: pattern and text. LISTEN stands for the new port.
LISTEN = "    listen 8080;\n"
CHANGES = (
    (r"(?ms)^server \{\n    listen 80;.*?^\}\n\n", ""),  # sends on to https: not ours to do
    (r"(?m)^(    listen (\[::\]:)?443 ssl.*;\n)+", LISTEN),
    (r"(?m)^(    ssl_.*;\n)+", ""),
    (r"X-Forwarded-Proto \$scheme;", "X-Forwarded-Proto https;"),
)


def plain_http(text: str, ipv6: bool) -> str:
    """The configuration without TLS.

    Raises ValueError when something to exchange is not there once.
    """
    for pattern, new in CHANGES:
        text, count = re.subn(pattern, lambda _, new=new: new, text)
        if count != 1:
            raise ValueError(f"nginx.conf has {pattern!r} {count} times")
    return text.replace(LISTEN, f"{LISTEN}    listen [::]:8080;\n") if ipv6 else text


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(plain_http(source.read_text(), ipv6=Path("/proc/net/if_inet6").exists()))
