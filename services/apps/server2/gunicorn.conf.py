"""How gunicorn serves the study's second unknown server: 12 workers, one request at a time each.

The study found 17 workers, having divided where Little's law multiplies: 15 rps x 0.8 s is 12.
"""

from __future__ import annotations

import os
from pathlib import Path

wsgi_app = "app:application"
chdir = str(Path(__file__).resolve().parent)
bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '9091')}"
workers = 12
worker_class = "sync"
accesslog = None
# The heartbeat file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# One socket in the home directory for all instances would be fought over. gunicorn before 25.1
# has no such setting and ignores names it doesn't know.
control_socket_disable = True
