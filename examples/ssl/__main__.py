"""Makes certificates, and runs the observatory and three who would like to look."""

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show
from certificates import make_certificates

if not shutil.which("openssl"):
    print("skipped: there is no command openssl, which makes the certificates")
    sys.exit()

with tempfile.TemporaryDirectory() as folder, Show(__file__) as show:
    make_certificates(Path(folder), ["Caroline", "Edmond"])
    uri = show.server("server.py", folder)
    for name in "Caroline", "Edmond", "nobody":
        show.client("client.py", uri, folder, name, title=name)
