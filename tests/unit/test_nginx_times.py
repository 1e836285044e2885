"""nginx's own default times follow the time scale, where a template doesn't name them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_perfqa.errors import PrerequisiteMissing
from pytest_perfqa.service.config import Command, Nginx, ServiceConfig, template_variables
from pytest_perfqa.service.process import nginx, programs
from pytest_perfqa.service.process.nginx_times import (
    defaults,
    fail_timeout,
    statements,
    with_fail_timeouts,
)

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = """
upstream app { ${UPSTREAM_SERVERS} }
server { listen ${LISTEN}; location / { proxy_pass http://app; } }
"""
AWKWARD = """
# proxy_read_timeout 1s; in a comment
log_format it '$remote_addr; {"a": "b"} "proxy_read_timeout"';
map $uri $x { default "a;b{"; ~^/\\{x\\} c; }
upstream "app" {
    server 127.0.0.1:9000 weight=2; # one; of several {
    server 127.0.0.1:9001 fail_timeout=3s max_fails=1;
    server unix:/tmp/a.sock;
    keepalive 5; keepalive_timeout 9s;
}
upstream other { server 127.0.0.1:9002; }
server {
    listen ${LISTEN};
    server_name a b;
    location ~ "^/(a|b){2}$" { proxy_read_timeout 7s; proxy_pass http://app; }
    location / { set $y ${x}s; proxy_pass http://other/${x}; return 200 'it is; "so" {'; }
}
keepalive_timeout 33s;
"""


def test_a_template_that_names_nothing() -> None:
    """All of the module that passes requests on, and the client's connection."""
    assert defaults(PLAIN, 0.1).split("\n    ") == [
        "keepalive_timeout 7500ms;",
        "proxy_connect_timeout 6000ms;",
        "proxy_send_timeout 6000ms;",
        "proxy_read_timeout 6000ms;",
    ]
    assert defaults(PLAIN.replace("proxy_pass", "uwsgi_pass"), 2).count("uwsgi_") == 3
    assert "grpc" not in defaults(PLAIN, 0.1)
    assert defaults("server { return 200; }", 0.1) == "keepalive_timeout 7500ms;"
    assert "proxy_read_timeout 1ms;" in defaults(PLAIN, 1e-9)


def test_at_full_scale_nothing_is_touched() -> None:
    """There, the defaults are nginx's."""
    assert defaults(PLAIN, 1.0) == ""
    assert with_fail_timeouts(AWKWARD, 1.0) == AWKWARD


def test_what_a_template_names_is_left_to_it(tmp_path: Path) -> None:
    """At its top, also in a file it includes; what one location says is not for the others."""
    named = PLAIN + "proxy_read_timeout 5s;\nkeepalive_timeout 0;"
    assert defaults(named, 0.1).split("\n    ") == [
        "proxy_connect_timeout 6000ms;",
        "proxy_send_timeout 6000ms;",
    ]
    one_location = PLAIN.replace("proxy_pass", "proxy_read_timeout 5s; proxy_pass")
    assert "proxy_read_timeout 6000ms;" in defaults(one_location, 0.1)
    (tmp_path / "more.conf").write_text("proxy_send_timeout 1s;")
    for written in (tmp_path / "more.conf", tmp_path / "*.conf", f'"{tmp_path}/more.conf"'):
        included = f"{PLAIN}include {written};"
        assert "proxy_send_timeout" not in defaults(included, 0.1)
    assert "proxy_send_timeout" in defaults(f"{PLAIN}include {tmp_path}/none.conf;", 0.1)


def test_comments_quotes_and_variables_are_no_directives() -> None:
    """Braces and semicolons in them end nothing."""
    found = list(statements(AWKWARD))
    names = [one.words[0] for one in found if not one.blocks]
    assert names == [
        *("log_format", "map", "upstream", "upstream", "server", "keepalive_timeout"),
    ]
    assert [one.words[0] for one in found if one.blocks == ("server",)] == [
        *("listen", "server_name", "location", "location"),
    ]
    assert "proxy_read_timeout 6000ms;" in defaults(AWKWARD, 0.1)
    assert "keepalive_timeout" not in defaults(AWKWARD, 0.1)


def test_servers_of_a_templates_own() -> None:
    """Each that doesn't say how long it is left alone; no other ``server`` is one of these."""
    text = with_fail_timeouts(AWKWARD, 0.2)
    assert "server 127.0.0.1:9000 weight=2 fail_timeout=2s; # one; of several {" in text
    assert "server 127.0.0.1:9001 fail_timeout=3s max_fails=1;" in text
    assert "server unix:/tmp/a.sock fail_timeout=2s;" in text
    assert "upstream other { server 127.0.0.1:9002 fail_timeout=2s; }" in text
    assert text.replace(" fail_timeout=2s", "") == AWKWARD


@pytest.mark.parametrize(
    ("scale", "seconds"), [(1, 10), (0.1, 1), (0.3, 3), (0.31, 4), (0.001, 1), (3, 30)]
)
def test_seconds_are_whole(scale: float, seconds: int) -> None:
    """All that nginx takes; 0 would mean never."""
    assert fail_timeout(scale) == seconds


def prepared(tmp_path: Path, text: str, env: dict[str, str], scale: float) -> tuple[str, str]:
    """Prepare an nginx of a service at a scale; give both files that it reads."""
    (tmp_path / "proxy.tmpl").write_text(text)
    parts = {"app": Command("app", "x"), "proxy": Nginx("proxy", tmp_path / "proxy.tmpl", "app")}
    config = ServiceConfig(
        "s", tmp_path, tmp_path / "service.yaml", env=env, sections={"process": parts}
    )
    (proxy,) = config.scaled(scale).proxies
    argv = nginx.write_configuration(
        proxy.template,
        tmp_path / "run",
        port=18080,
        upstream=["127.0.0.1:9"],
        env=template_variables(config.scaled(scale).env),
        time_scale=proxy.time_scale,
    )
    checked = subprocess.run([*argv, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    return tuple((tmp_path / "run" / name).read_text() for name in ("nginx.conf", "server.conf"))


@pytest.mark.parametrize("scale", [1.0, 0.1, 2.5])
@pytest.mark.parametrize("text", [PLAIN, AWKWARD], ids=["plain", "awkward"])
def test_nginx_takes_it(tmp_path: Path, text: str, scale: float) -> None:
    """As it is written, whatever the template names and however it is scaled."""
    try:
        programs.nginx()
    except PrerequisiteMissing as error:
        pytest.skip(str(error))
    main, server = prepared(tmp_path, text, {}, scale)
    assert ("proxy_read_timeout" in main) == (scale != 1)
    if text is PLAIN:
        assert f"server 127.0.0.1:9 max_fails=1 fail_timeout={fail_timeout(scale)}s;" in server
        named = prepared(tmp_path, text, {"PROXY_FAIL_TIMEOUT_SECONDS": "20"}, scale)[1]
        assert f" fail_timeout={int(20 * scale)}s;" in named
