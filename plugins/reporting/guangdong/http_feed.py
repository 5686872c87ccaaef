"""The regulator's door over HTTPS: POST a batch, read the receipt."""

from urllib.parse import urlsplit

import requests

from bridge.kernel.errors import InvalidInput, Unavailable

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_LARGEST_RECEIPT = 8 * 1024 * 1024


class HttpFeed:
    """The RegulatorFeed port. A duplicate is answered with the first receipt, which is a success.

    Args:
        url: e.g. "https://feed.example.gov.cn"; plain http only to this machine (a simulator).
        key: bearer key; sent in the Authorization header, never logged.
        connect_seconds, read_seconds: how long the other side may take.
    """

    def __init__(self, url: str, key: str, *, connect_seconds: int = 5, read_seconds: int = 30) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise InvalidInput(
                "regulator_url_not_https", "监管平台地址须为 https(本机模拟器除外),请检查设置。"
            )
        self._url = f"{url.rstrip('/')}/feed/v1/batches"
        self._key = key
        self._timeout = (connect_seconds, read_seconds)

    def send(self, batch: bytes, batch_id: str) -> bytes:
        """Return the raw receipt.

        Raises:
            Unavailable: not permanent: no connection, time-out, 429, 5xx, or an answer that is no receipt;
                permanent: 401, 403, 404, a redirect and the rest of 4xx.
        """
        try:
            with requests.post(
                self._url,
                data=batch,
                headers={
                    "Authorization": f"Bearer {self._key}",
                    "Content-Type": "application/xml; charset=utf-8",
                    "Idempotency-Key": batch_id,
                },
                timeout=self._timeout,
                allow_redirects=False,  # a redirect would carry names and the key elsewhere
                stream=True,
            ) as answer:
                status = answer.status_code
                body = answer.raw.read(_LARGEST_RECEIPT + 1, decode_content=True)
        except requests.exceptions.SSLError as error:
            raise Unavailable(
                "regulator_certificate", "监管平台的证书无法验证,已停止报送,请联系管理员。", permanent=True
            ) from error
        except (requests.RequestException, OSError) as error:
            raise Unavailable("regulator_unreachable", "暂时连接不上监管平台,稍后自动重试。") from error
        if status in (401, 403):
            raise Unavailable(
                "regulator_key_refused", "监管平台不接受本平台的密钥,请管理员更换密钥。", permanent=True
            )
        if status == 429 or status >= 500:
            raise Unavailable("regulator_busy", "监管平台忙或正在维护,稍后自动重试。")
        # 422 carries a receipt too: the batch as a whole was refused, and the receipt says why.
        if status not in (200, 201, 202, 422):
            raise Unavailable(
                "regulator_refused", f"监管平台返回 {status},请管理员检查报送地址。", permanent=True
            )
        if not body or len(body) > _LARGEST_RECEIPT:
            raise Unavailable("receipt_missing", "监管平台没有给出回执,稍后自动重试。")
        return bytes(body)
