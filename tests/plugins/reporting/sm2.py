"""GmSSL's library in the tests' own environment of a peer, and keys that OpenSSL makes: two who know SM2."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bridge.setup.peer_environment import SM2, ensure_peer

PROFILE = Path(__file__).parents[3] / "config" / "feeds" / "sm2.yaml"


def bring_library() -> Path:
    """Make gmssl-pyx importable, from an environment that is not the product's; return the folder."""
    python = ensure_peer(SM2)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return python.parents[1] / "lib" / version / "site-packages"


@dataclass(frozen=True)
class OpenSsl:
    """OpenSSL's command line in a folder."""

    folder: Path

    def __call__(self, *arguments: str | Path) -> str:
        done = subprocess.run(
            ["openssl", *map(str, arguments)], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def key(self, name: str = "key.pem", *, curve: str = "SM2") -> Path:
        """Make a private key."""
        self("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", name)
        return self.folder / name

    def certified(self, key: Path) -> Path:
        """Add a certificate of its own to the key's file."""
        self(
            "req", "-x509", "-new", "-key", key, "-sm3", "-subj", "/CN=test", "-days", "30", "-out", "own.crt"
        )
        file = self.folder / f"certified-{key.name}"
        file.write_bytes(key.read_bytes() + (self.folder / "own.crt").read_bytes())
        return file

    def verifies(self, key: Path, message: bytes, signature: bytes, signer_id: str) -> bool:
        """Return whether OpenSSL takes the DER signature for that of the key."""
        (self.folder / "message").write_bytes(message)
        (self.folder / "signature").write_bytes(signature)
        said = self(
            "pkeyutl", "-verify", "-inkey", key, "-in", "message", "-sigfile", "signature", "-rawin",
            "-digest", "sm3", "-pkeyopt", f"distid:{signer_id}",
        )  # fmt: skip
        return "Verified Successfully" in said

    def sign(self, key: Path, message: bytes, signer_id: str) -> bytes:
        """Return OpenSSL's DER signature."""
        (self.folder / "message").write_bytes(message)
        self(
            "pkeyutl", "-sign", "-inkey", key, "-in", "message", "-out", "signature", "-rawin",
            "-digest", "sm3", "-pkeyopt", f"distid:{signer_id}",
        )  # fmt: skip
        return (self.folder / "signature").read_bytes()
