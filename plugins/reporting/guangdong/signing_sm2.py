"""Signatures with SM2 and SM3 (GB/T 32918, GB/T 32905) in the XML-DSig envelope, by GmSSL's library gmssl-pyx.

The library is no part of the product (requirements/sm2.txt); without it nothing is signed, and batches wait. A key that
must not leave a cryptographic machine needs an adapter to that machine behind the same port. XML-DSig has no public
identifiers for these algorithms, so that a profile names them (config/feeds/sm2.yaml).
"""

import base64
import binascii
import hashlib
import importlib
import re
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from asn1crypto import keys, pem, x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from lxml import etree
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bridge.kernel.errors import InvalidInput, Unavailable
from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.envelope import DSIG, ENVELOPED, EXCLUSIVE, enclose, x509_data

DSIG11: Final = "http://www.w3.org/2009/xmldsig11#"
_CURVE: Final = "1.2.156.10197.1.301"
_SPKI: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
"""SubjectPublicKeyInfo of a point of the SM2 curve, before the point."""
_BYTES: Final = 32
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[A-Za-z0-9\-._~:/?#@!$()*+,;=%]{1,200}")


@dataclass(frozen=True, slots=True)
class Sm2Profile:
    """How a regulator wants SM2 signatures; all practice.

    Args:
        signer_id: the identity that is hashed with the key.
        der: whether the value is the SEQUENCE of GB/T 35276, and not r and s, 32 bytes each.
    """

    signature_method: str
    digest_method: str
    signer_id: bytes
    der: bool


def read_profile(path: Path) -> Sm2Profile:
    """Return the profile; InvalidInput("sm2_profile_malformed") names the file if it cannot be used."""
    try:
        data: dict[str, Any] = YAML(typ="safe").load(path)
        method, digest, value = data["signature_method"], data["digest_method"], data["signature_value"]
        signer_id = data["signer_id"].encode("ascii")
        if not (_URI.fullmatch(method) and _URI.fullmatch(digest)) or value not in ("raw", "der"):
            raise ValueError("identifier")
        if not signer_id:
            raise ValueError("signer_id")
    except (OSError, YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(
            "sm2_profile_malformed", f"国密签名设置 {path.name} 无法使用,请检查内容。"
        ) from error
    return Sm2Profile(method, digest, signer_id, value == "der")


class Sm2Signer:
    """The BatchSigner port.

    Args:
        secret, point: the key, 32 bytes, and its public point, 64 bytes.
        certificate: DER; goes into KeyInfo, which without one holds the bare key.

    Raises:
        Unavailable("sm2_library_missing"): permanent.
        InvalidInput("signing_key_unreadable"): the point is not the key's.
    """

    def __init__(
        self, secret: bytes, point: bytes, profile: Sm2Profile, certificate: bytes | None = None
    ) -> None:
        self._library = library()
        self._secret, self._point, self._profile = secret, point, profile
        self.algorithm = "XML-DSig SM2-SM3"
        self.key_sha256 = hashlib.sha256(spki(point)).hexdigest()
        self._key_info = _bare_key(point) if certificate is None else x509_data(certificate)
        try:
            # A pair that does not belong together would sign what nobody can verify.
            sound = self._library.sm2_verify(point, b"pair", self._sign(b"pair"), signer_id=profile.signer_id)
        except self._library.GmsslInnerError as error:
            raise _unreadable() from error
        if not sound:
            raise _unreadable()

    def sign(self, batch: bytes) -> bytes:
        return enclose(
            batch,
            method=self._profile.signature_method,
            digest_method=self._profile.digest_method,
            digest=self._library.sm3_hash,
            sign=self._value,
            key_info=self._key_info,
        )

    def _value(self, message: bytes) -> bytes:
        der = self._sign(message)
        return der if self._profile.der else raw_of(der)

    def _sign(self, message: bytes) -> bytes:
        signed: bytes = self._library.sm2_sign(
            self._secret, self._point, message, signer_id=self._profile.signer_id
        )
        return signed


def library() -> Any:
    """Return gmssl-pyx; Unavailable("sm2_library_missing") says how to install it."""
    try:
        return importlib.import_module("gmssl_pyx")
    except ImportError as error:
        raise Unavailable(
            "sm2_library_missing",
            "设置要求国密 SM2/SM3 签名,但没有安装 gmssl-pyx:批次保留待发。"
            "请按 requirements/sm2.txt 安装后重新启动,或接入密码机。",
            permanent=True,
        ) from error


def signer_of(key_file: Path | None, profile: Sm2Profile) -> Sm2Signer:
    """Return the signer with the operator's key.

    Args:
        key_file: PEM (PKCS#8, not encrypted) with the private key and, if there is one, its certificate.

    Raises:
        InvalidInput: "signing_key_missing", "signing_key_unreadable".
    """
    if key_file is None:
        raise InvalidInput(
            "signing_key_missing", "国密签名须使用本机构的 SM2 密钥,请设置 ANXUE_REGULATOR_SIGNING_KEY。"
        )
    library()
    try:
        found = {name: der for name, _headers, der in pem.unarmor(key_file.read_bytes(), multiple=True)}
        key = keys.PrivateKeyInfo.load(found["PRIVATE KEY"], strict=True)
        if key["private_key_algorithm"]["parameters"].chosen.dotted != _CURVE:
            raise ValueError("curve")
        parts = key["private_key"].parsed
        secret = parts["private_key"].native.to_bytes(_BYTES)
        certificate = found.get("CERTIFICATE")
        point = _point(parts["public_key"] if certificate is None else _key_of(certificate))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise _unreadable() from error
    return Sm2Signer(secret, point, profile, certificate)


def verify(root: etree._Element, signature: etree._Element, profile: Sm2Profile) -> str:
    """Return the SHA-256 of the public key that signed the whole document of `root`.

    What is signed is canonicalised here by lxml, not taken for canonical as where we sign.

    Raises:
        XmlRefused: signature_wrong.
        Unavailable: "sm2_library_missing".
    """
    gmssl = library()
    try:
        point = _check(root, signature, profile, gmssl)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, gmssl.GmsslInnerError) as error:
        raise safe_xml.XmlRefused("signature_wrong", type(error).__name__) from error
    return hashlib.sha256(spki(point)).hexdigest()


def _check(root: etree._Element, signature: etree._Element, profile: Sm2Profile, gmssl: Any) -> bytes:
    """Return the point that signed; ValueError if the signature is not exactly of our form, or wrong."""
    ds = f"{{{DSIG}}}"
    info = signature.find(f"{ds}SignedInfo")
    if info is None or signature is not root[-1]:
        raise ValueError("no signature at the end")
    named = [one.get("Algorithm") for one in info.iter() if one.get("Algorithm") is not None]
    wanted = [EXCLUSIVE, profile.signature_method, ENVELOPED, EXCLUSIVE, profile.digest_method]
    references = info.findall(f"{ds}Reference")
    if named != wanted or [one.get("URI") for one in references] != [""]:
        raise ValueError("another form")
    bare = deepcopy(root)
    bare.remove(bare[root.index(signature)])  # the text before it belongs to the element before
    digest = base64.b64decode(references[0].findtext(f"{ds}DigestValue", ""), validate=True)
    if gmssl.sm3_hash(_canonical(bare)) != digest:
        raise ValueError("digest")
    value = base64.b64decode(signature.findtext(f"{ds}SignatureValue", ""), validate=True)
    point = _point_in(signature)
    der = value if profile.der else der_of(value)
    if not gmssl.sm2_verify(point, _canonical(info), der, signer_id=profile.signer_id):
        raise ValueError("value")
    return point


def _point_in(signature: etree._Element) -> bytes:
    ds = f"{{{DSIG}}}"
    certificate = signature.findtext(f"{ds}KeyInfo/{ds}X509Data/{ds}X509Certificate")
    if certificate is not None:
        return _point(_key_of(base64.b64decode(certificate, validate=True)))
    der = signature.findtext(f"{ds}KeyInfo/{{{DSIG11}}}DEREncodedKeyValue", "")
    return _point(keys.PublicKeyInfo.load(base64.b64decode(der, validate=True), strict=True)["public_key"])


def _key_of(certificate: bytes) -> Any:
    """Return the public key's bits; ValueError for a key of another curve."""
    key = x509.Certificate.load(certificate, strict=True).public_key
    if key["algorithm"]["parameters"].chosen.dotted != _CURVE:
        raise ValueError("curve")
    return key["public_key"]


def _point(bits: Any) -> bytes:
    point: bytes = bits.native
    if len(point) != 2 * _BYTES + 1 or point[0] != 4:
        raise ValueError("point")
    return point[1:]


def spki(point: bytes) -> bytes:
    """Return a public key as SubjectPublicKeyInfo, DER."""
    return _SPKI + b"\x04" + point


def raw_of(der: bytes) -> bytes:
    """Return r and s, 32 bytes each."""
    r, s = decode_dss_signature(der)
    return r.to_bytes(_BYTES) + s.to_bytes(_BYTES)


def der_of(raw: bytes) -> bytes:
    """Return the SEQUENCE of r and s; ValueError for another length."""
    if len(raw) != 2 * _BYTES:
        raise ValueError("length")
    return encode_dss_signature(int.from_bytes(raw[:_BYTES]), int.from_bytes(raw[_BYTES:]))


def _bare_key(point: bytes) -> str:
    text = base64.b64encode(spki(point)).decode()
    return f'<ds11:DEREncodedKeyValue xmlns:ds11="{DSIG11}">{text}</ds11:DEREncodedKeyValue>'


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=False)


def _unreadable() -> InvalidInput:
    return InvalidInput(
        "signing_key_unreadable",
        "报送签名的密钥文件无法读取,须为未加密的 PEM(PKCS#8),含 SM2 私钥和与之相符的公钥或证书,请检查设置。",
    )
