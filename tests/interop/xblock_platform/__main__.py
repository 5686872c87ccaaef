"""Serve the test platform: `python -m tests.interop.xblock_platform --url URL --tool URL --folder DIR`."""

import argparse
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit


def main() -> None:
    """Make the database, register the tool, answer until the process is ended."""
    parser = argparse.ArgumentParser(prog="xblock_platform")
    parser.add_argument(
        "--url", required=True, help="where the platform answers, e.g. http://127.0.0.2:18555"
    )
    parser.add_argument("--tool", required=True, help="the tool's origin, e.g. http://127.0.0.1:18080")
    parser.add_argument("--folder", required=True, type=Path, help="a folder for the database")
    given = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.interop.xblock_platform.settings"
    os.environ["XBLOCK_PLATFORM_URL"] = given.url.rstrip("/")
    os.environ["XBLOCK_PLATFORM_TOOL_URL"] = given.tool.rstrip("/")
    os.environ["XBLOCK_PLATFORM_FOLDER"] = str(given.folder.resolve())
    given.folder.mkdir(parents=True, exist_ok=True)
    # Open edX calls its own parts the same way; the packages warn about each other at import.
    sys.warnoptions.append("ignore")

    import django
    from django.core.management import call_command
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    from tests.interop.xblock_platform.seed import seed

    seed()
    place = urlsplit(given.url)
    server = ThreadedWSGIServer((place.hostname or "127.0.0.1", place.port or 80), WSGIRequestHandler)
    server.set_app(get_wsgi_application())
    server.serve_forever()


if __name__ == "__main__":
    main()
