"""OpenStack Swift with its S3 API in one process, on loopback: run by the peer's Python, never by ours.

Arguments: a folder for rings and objects, access key, secret key. Prints its port once it answers.
"""

import sys
from pathlib import Path

import eventlet

eventlet.monkey_patch()

from eventlet import wsgi  # noqa: E402  # green sockets first, as Swift's own servers do it
from eventlet.hubs import trampoline  # noqa: E402
from swift.common import utils  # noqa: E402

SWIFT_CONF = "[swift-hash]\nswift_hash_path_suffix = made-up\nswift_hash_path_prefix = made-up\n"
PROXY = """[DEFAULT]
swift_dir = {folder}

[pipeline:main]
pipeline = catch_errors s3api tempauth proxy-logging proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true

[filter:catch_errors]
use = egg:swift#catch_errors

[filter:proxy-logging]
use = egg:swift#proxy_logging

[filter:s3api]
use = egg:swift#s3api
location = us-east-1

[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret} .admin
"""


def main() -> None:
    folder, access, secret = Path(sys.argv[1]), *sys.argv[2:4]
    account, _, user = access.partition(":")
    conf = folder / "swift.conf"
    conf.write_text(SWIFT_CONF)
    utils.SWIFT_CONF_FILE = str(conf)
    utils.validate_hash_conf()
    from paste.deploy import loadapp
    from swift.account.server import app_factory as account_app
    from swift.common.ring import RingBuilder
    from swift.container.server import app_factory as container_app
    from swift.obj.server import app_factory as object_app

    (folder / "disks" / "d1").mkdir(parents=True)
    common = {
        "devices": str(folder / "disks"),
        "mount_check": "false",
        "swift_dir": str(folder),
        "log_name": "swift",
        "disable_fallocate": "true",
    }
    for name, factory in (("account", account_app), ("container", container_app), ("object", object_app)):
        listening = eventlet.listen(("127.0.0.1", 0))
        ring = RingBuilder(4, 1, 0)
        port = listening.getsockname()[1]
        ring.add_dev(
            {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": "127.0.0.1", "port": port, "device": "d1"}
        )
        ring.rebalance()
        ring.get_ring().save(str(folder / f"{name}.ring.gz"))
        eventlet.spawn(wsgi.server, listening, factory({}, **common), log_output=False)
    (folder / "proxy.conf").write_text(PROXY.format(folder=folder, account=account, user=user, secret=secret))
    door = eventlet.listen(("127.0.0.1", 0))
    proxy = loadapp(f"config:{folder / 'proxy.conf'}")
    eventlet.spawn(wsgi.server, door, proxy, log_output=False)
    sys.stdout.write(f"{door.getsockname()[1]}\n")
    sys.stdout.flush()
    trampoline(sys.stdin.fileno(), read=True)  # until whoever started us is gone


main()
