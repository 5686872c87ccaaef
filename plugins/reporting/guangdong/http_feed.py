"""The regulator's door over HTTPS: POST a batch, read the receipt; GET what it has of a day."""

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from bridge.kernel.errors import InvalidInput, Unavailable
from plugins.reporting.guangdong.deadline import Watch, WatchedAdapter, ended_after

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_LARGEST_RECEIPT = 8 * 1024 * 1024
_LONGEST_WAIT = timedelta(hours=3)
_ANSWERED = frozenset({200, 201, 202, 422})
"""422 carries a receipt too: the batch as a whole was refused, and the receipt says why."""


class HttpFeed:
    """The RegulatorFeed and RegulatorBooks ports. A duplicate is answered with the first receipt: a success.

    Args:
        url: e.g. "https://feed.example.gov.cn"; plain http only to this machine (a simulator).
        key: bearer key; sent in the Authorization header, never logged.
        ca_file: PEM of the authority whose certificate the regulator shows; None: those of the system.
        connect_seconds, read_seconds: how long the other side may take to let us in, and to say something.
        whole_seconds: how long a request may take altogether, less than the lease of the job that makes it.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        ca_file: Path | None = None,
        connect_seconds: float = 5,
        read_seconds: float = 15,
        whole_seconds: float = 18,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise InvalidInput(
                "regulator_url_not_https", "监管平台地址须为 https(本机模拟器除外),请检查设置。"
            )
        self._url = f"{url.rstrip('/')}/feed/v1"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._verify: bool | str = True if ca_file is None else str(ca_file)
        self._timeout = (connect_seconds, read_seconds)
        self._whole_seconds = whole_seconds
        # One connection for many batches: a handshake for each would cost more than the batch.
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy nor a netrc may see a batch
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, WatchedAdapter())

    def send(self, batch: bytes, batch_id: str) -> bytes:
        """Return the raw receipt.

        Raises:
            Unavailable: not permanent: no connection, too slow, 429, 5xx, or an answer that is no receipt;
                permanent: a wrong certificate, 401, 403, 404, 415, a redirect and the rest of 4xx.
        """
        status, body = self._ask(
            "POST",
            "/batches",
            data=batch,
            headers={
                **self._headers,
                "Content-Type": "application/xml; charset=utf-8",
                "Idempotency-Key": batch_id,
            },
        )
        if status in (409, 413):
            raise Unavailable(
                "regulator_batch_refused", f"监管平台不接受这个批次({status}),请管理员查看。", permanent=True
            )
        self._require_answer(status)
        if not body or len(body) > _LARGEST_RECEIPT:
            raise Unavailable("receipt_missing", "监管平台没有给出回执,稍后自动重试。")
        return body

    def books(self, uscc: str, division_code: str, day: str) -> bytes:
        """Return what the regulator has of the institution's records of a legal day, as JSON.

        Raises:
            Unavailable: as for `send`.
        """
        status, body = self._ask(
            "GET",
            "/reconciliation",
            headers=self._headers,
            params={"uscc": uscc, "city": division_code, "day": day},
        )
        if status != 200 or not body or len(body) > _LARGEST_RECEIPT:
            self._require_answer(status)
            raise Unavailable("reconciliation_missing", "监管平台没有给出对账数据,稍后自动重试。")
        return body

    def _ask(self, method: str, path: str, **said: Any) -> tuple[int, bytes]:
        with ended_after(self._whole_seconds) as watch:
            try:
                with self._session.request(
                    method,
                    self._url + path,
                    timeout=self._timeout,
                    allow_redirects=False,  # a redirect would carry names and the key elsewhere
                    verify=self._verify,
                    stream=True,
                    **said,
                ) as answer:
                    body = answer.raw.read(_LARGEST_RECEIPT + 1, decode_content=True)
                    status, asked = answer.status_code, answer.headers.get("Retry-After", "")
            # urllib3's own errors come through where the body is read by hand.
            except (requests.RequestException, HTTPError, OSError) as error:
                raise _unreached(error, watch) from error
            if watch.ran_out:  # what was cut off can look like an answer that ends there
                raise _too_slow()
        _refuse_busy(status, asked)
        return status, bytes(body)

    @staticmethod
    def _require_answer(status: int) -> None:
        if status in (401, 403):
            raise Unavailable(
                "regulator_key_refused", "监管平台不接受本平台的密钥,请管理员更换密钥。", permanent=True
            )
        if status == 415:
            raise Unavailable(
                "regulator_schema_version",
                "监管平台要求其他版本的报送结构,已停止报送,请管理员更新后重发。",
                permanent=True,
            )
        if 300 <= status < 400:
            raise Unavailable(
                "regulator_redirect", "监管平台要求转到别的地址,未跟随,请管理员检查报送地址。", permanent=True
            )
        if status not in _ANSWERED:
            raise Unavailable(
                "regulator_refused", f"监管平台返回 {status},请管理员检查报送地址。", permanent=True
            )


def _too_slow() -> Unavailable:
    return Unavailable("regulator_too_slow", "监管平台回答过慢,已中断,稍后自动重试。")


def _unreached(error: Exception, watch: Watch) -> Unavailable:
    if watch.ran_out:
        return _too_slow()
    if _is_of_certificate(error):
        return Unavailable(
            "regulator_certificate", "监管平台的证书无法验证,已停止报送,请联系管理员。", permanent=True
        )
    return Unavailable("regulator_unreachable", "暂时连接不上监管平台,稍后自动重试。")


def _is_of_certificate(error: BaseException | None) -> bool:
    """Return whether TLS failed over the certificate, and not because the line broke in its handshake."""
    while error is not None:
        reason = getattr(error.args[0], "reason", None) if error.args else None
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__
    return False


def _refuse_busy(status: int, asked: str) -> None:
    if status == 429 or status >= 500:
        wait = None
        if asked.isascii() and asked.isdigit() and len(asked) < 8:
            wait = min(timedelta(seconds=int(asked)), _LONGEST_WAIT)
        raise Unavailable("regulator_busy", "监管平台忙或正在维护,稍后自动重试。", retry_after=wait)
