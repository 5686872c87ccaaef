"""Where the signers of papers come from: the test CA, PKCS#12 files, or a PKCS#11 token."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asn1crypto import keys as asn1_keys
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from pkcs11.exceptions import PKCS11Error
from pyhanko.config.pkcs11 import TokenCriteria
from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session
from pyhanko.sign.signers import Signer, SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from bridge.completion.ports import SealKeyStore, StoredSeal
from bridge.completion.seal_model import OPERATOR, SealHolder, made_out_to
from bridge.completion.seal_settings import SealSettings
from bridge.kernel.errors import Unavailable
from plugins.completion.trial_authority import authority, seal_of

SignerSource = Callable[[SealHolder, SealKeyStore], Signer]


def open_source(settings: SealSettings) -> SignerSource:
    """Return the source that the settings name."""
    if settings.source == "pkcs12" and settings.pkcs12_folder is not None:
        return Pkcs12Folder(settings.pkcs12_folder)
    if (
        settings.source == "pkcs11"
        and settings.pkcs11_module is not None
        and settings.pkcs11_pin_file is not None
    ):
        return Pkcs11Token(settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_pin_file)
    return TestAuthority()


class TestAuthority:
    """Seals of the bridge's own test CA; a signer is made of a key once in a process."""

    __test__ = False

    def __init__(self) -> None:
        self._signers: dict[str, SimpleSigner] = {}

    def __call__(self, holder: SealHolder, keys: SealKeyStore) -> Signer:
        seal = seal_of(holder, keys)
        found = self._signers.get(seal.certificate)
        if found is None:
            found = self._signers[seal.certificate] = simple_signer(seal, [authority(keys).certificate])
        return found


class Pkcs12Folder:
    """`<holder id>.p12` with its passphrase in `<holder id>.pass`; read anew when the file has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[int, SimpleSigner]] = {}

    def __call__(self, holder: SealHolder, _keys: SealKeyStore) -> Signer:
        path = self._folder / f"{_file_name(holder)}.p12"
        try:
            changed = path.stat().st_mtime_ns
            known = self._read.get(holder.id)
            if known is None or known[0] != changed:
                passphrase = path.with_suffix(".pass").read_bytes().rstrip(b"\r\n")
                known = (changed, SimpleSigner.load_pkcs12_data(path.read_bytes(), [], passphrase))
                self._read[holder.id] = known
        except OSError as error:
            raise _missing(holder) from error
        except ValueError as error:
            raise Unavailable(
                "seal_unreadable",
                f"{holder.name} 的签章证书文件无法打开,请核对 {path.name} 及其 .pass 口令文件。",
                permanent=True,
            ) from error
        return known[1]


class Pkcs11Token:
    """Keys that never leave a token: certificate and key are labelled with the holder's id.

    One session for the process, used by one thread at a time: few tokens allow more.
    """

    def __init__(self, module: Path, token: str, pin_file: Path) -> None:
        self._module = module
        self._token = token
        self._pin_file = pin_file
        self._session: Any = None
        self._signers: dict[str, Signer] = {}
        self._lock = threading.Lock()

    def __call__(self, holder: SealHolder, _keys: SealKeyStore) -> Signer:
        with self._lock:
            found = self._signers.get(holder.id)
            if found is not None:
                return found
            try:
                if self._session is None:
                    self._session = open_pkcs11_session(
                        str(self._module),
                        token_criteria=TokenCriteria(label=self._token),
                        user_pin=self._pin_file.read_text(encoding="utf-8").strip(),
                    )
            except (OSError, PKCS11Error) as error:
                raise Unavailable(
                    "seal_unreadable", "密码设备无法打开,请检查 PKCS#11 库、设备标签和 PIN 后重试。"
                ) from error
            label = _file_name(holder)
            made = PKCS11Signer(self._session, cert_label=label, key_label=label, other_certs_to_pull=None)
            try:
                if made.signing_cert is None:
                    raise _missing(holder)
                # Few tokens hash for ECDSA themselves, all sign a hash.
                made.use_raw_mechanism = made.signing_cert.public_key.algorithm == "ec"
            except PKCS11Error as error:
                self._forget()
                raise _missing(holder) from error
            self._signers[holder.id] = made
            return made

    def _forget(self) -> None:
        """Close the session: one that failed may have lost the token, and a process is signed in but once."""
        session, self._session = self._session, None
        self._signers.clear()
        with suppress(Exception):
            session.close()


def simple_signer(seal: StoredSeal, chain: list[str]) -> SimpleSigner:
    """Return a signer of a key in memory, with the certificates that lead from it to a root."""
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # pyHanko's own
    store.register_multiple(certificate(one) for one in chain)
    _type, _headers, key = pem.unarmor(seal.key.encode())
    return SimpleSigner(
        signing_cert=certificate(seal.certificate),
        signing_key=asn1_keys.PrivateKeyInfo.load(key),
        cert_registry=store,
    )


def certificate(text: str) -> asn1_x509.Certificate:
    """Return the certificate of a PEM text."""
    _type, _headers, der = pem.unarmor(text.encode())
    return asn1_x509.Certificate.load(der)


def require_in_time(signer: Signer, holder: SealHolder) -> None:
    """Return if the signer's certificate is valid today; Unavailable("seal_expired")."""
    signing = signer.signing_cert
    if signing is None:
        raise _missing(holder)
    if not signing.not_valid_before <= datetime.now(UTC) <= signing.not_valid_after:
        raise Unavailable(
            "seal_expired", f"{holder.name} 的签章证书不在有效期内,请更换证书后重试。", permanent=True
        )


def require_theirs(signer: Signer, holder: SealHolder) -> None:
    """Return if the signer's certificate was made out to the institution; Unavailable("seal_not_theirs").

    A certificate that was put under another institution's id would seal papers in a stranger's name.
    """
    signing = signer.signing_cert
    subject = () if signing is None else tuple(values_of(signing.subject))
    if not made_out_to(subject, holder.name, holder.uscc):
        raise Unavailable(
            "seal_not_theirs",
            f"{holder.name}(编号 {holder.id})的签章证书不是签发给这家机构的,已停止出具,请换成机构自己的证书。",
            permanent=True,
        )


def values_of(name: Any) -> Iterator[str]:
    """Give every value of a certificate's subject or issuer."""
    for value in name.native.values():
        yield from (str(one) for one in (value if isinstance(value, list) else [value]))


def _file_name(holder: SealHolder) -> str:
    # An id is ours, but a path is made of it.
    if holder.id != OPERATOR and not all(c.isalnum() or c in "_-" for c in holder.id):
        raise _missing(holder)
    return holder.id


def _missing(holder: SealHolder) -> Unavailable:
    return Unavailable(
        "seal_missing",
        f"没有 {holder.name}(编号 {holder.id})的签章证书,请按 docs/certificates.md 放入后重试。",
        permanent=True,
    )
