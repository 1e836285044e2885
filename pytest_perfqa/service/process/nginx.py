"""An nginx of our own in a folder of its own, for root and for ordinary users."""

from __future__ import annotations

import grp
import os
import pwd
from typing import TYPE_CHECKING

from .. import template
from . import programs
from .nginx_times import defaults, fail_timeout, with_fail_timeouts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# nginx's own default is 512; the study ran the official image, which says 1024.
_WORKER_CONNECTIONS = 1024
_FAIL_TIMEOUT = "PROXY_FAIL_TIMEOUT_WHOLE_SECONDS"

_MAIN = """\
# Written by pytest-perfqa.
daemon off;
master_process on;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
{user}
events {{
    worker_connections {connections};
}}

http {{
    access_log off;
    client_body_temp_path client_body_temp;
    proxy_temp_path proxy_temp;
    fastcgi_temp_path fastcgi_temp;
    uwsgi_temp_path uwsgi_temp;
    scgi_temp_path scgi_temp;
    {times}
    include server.conf;
}}
"""


def write_configuration(
    source: Path,
    prefix: Path,
    *,
    port: int,
    upstream: Iterable[str],
    env: Mapping[str, str],
    time_scale: float = 1.0,
) -> list[str]:
    """Write the configuration of an nginx and give the command line that runs it.

    Args:
        source: the template of its server-level configuration.
        prefix: a folder for its configuration, pid and temporary files; made if missing.
        port: where it listens on 127.0.0.1.
        upstream: the ``host:port`` of each replica.
        env: variables for the template.
        time_scale: the factor on those of nginx's own default times that the template doesn't name.

    Raises:
        PrerequisiteMissing: nginx isn't installed.
    """
    program = programs.nginx()
    prefix.mkdir(parents=True, exist_ok=True)
    variables = {
        **env,
        "LISTEN": f"127.0.0.1:{port}",
        "UPSTREAM_SERVERS": _servers(upstream, env.get(_FAIL_TIMEOUT, fail_timeout(time_scale))),
    }
    server = template.fill_in(source.read_text(encoding="utf-8"), variables)
    server = with_fail_timeouts(server, time_scale)
    (prefix / "server.conf").write_text(server, encoding="utf-8")
    times = defaults(server, time_scale)
    main = _MAIN.format(user=_user(), connections=_WORKER_CONNECTIONS, times=times)
    (prefix / "nginx.conf").write_text(main, encoding="utf-8")
    return [program, "-p", f"{prefix.absolute()}/", "-c", "nginx.conf"]


def _servers(upstream: Iterable[str], seconds: str | int) -> str:
    servers = (f"server {each} max_fails=1 fail_timeout={seconds}s;" for each in upstream)
    return "\n    ".join(servers)


def _user() -> str:
    """Give the ``user`` line: nginx takes one only from root.

    Without it root's workers would run as the user that nginx was built for, who may not exist
    here, and couldn't enter the private folders in which pytest works.
    """
    if os.geteuid() != 0:
        return ""
    user = pwd.getpwuid(0)
    return f"user {user.pw_name} {grp.getgrgid(user.pw_gid).gr_name};"
