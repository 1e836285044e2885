"""How gunicorn serves the study's Flask application: one worker that does one request at a time."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

_FOLDER = str(Path(__file__).resolve().parent)
sys.path.insert(0, _FOLDER)

import settings  # noqa: E402  (this file is executed by path: its folder isn't importable before)

wsgi_app = "app:app"
chdir = _FOLDER
bind = f"{settings.HOST}:{settings.PORT}"
workers = 1
worker_class = "sync"
# gunicorn takes whole seconds, and 0 would switch the watchdog off.
timeout = max(1, math.ceil(settings.WORKER_TIMEOUT_SECONDS))
accesslog = None
# The heartbeat file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# One socket in the home directory for all instances would be fought over. gunicorn before 25.1
# has no such setting and ignores names it doesn't know.
control_socket_disable = True
