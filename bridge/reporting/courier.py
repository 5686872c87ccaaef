"""Carries a batch to the regulator, with no unit of work open while the other side thinks."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.reporting.model import Failure, Receipt
from bridge.reporting.ports import RegulatorFeed
from bridge.reporting.service import ReportingService


class Courier:
    """Delivers batches of one institution.

    Args:
        units: opens a unit of work and gives the service in it; it commits when left.
    """

    def __init__(
        self, units: Callable[[], AbstractContextManager[ReportingService]], feed: RegulatorFeed
    ) -> None:
        self._units = units
        self._feed = feed

    def deliver(self, batch_id: str) -> Receipt | None:
        """Send the batch and take its receipt in; None if it was delivered before.

        A process that dies between the two sends the same bytes under the same id again, and gets the same
        receipt. Each attempt is kept, the failed ones too.

        Raises:
            Unavailable: the regulator's door gave no usable receipt; `permanent` says whether to try again.
        """
        with self._units() as reporting:
            taken = reporting.take_out(batch_id)
        if taken is None:
            return None
        delivery, attempt = taken
        raw: bytes | None = None
        try:
            raw = self._feed.send(delivery.xml, batch_id)
            with self._units() as reporting:
                return reporting.record_receipt(batch_id, attempt, raw)
        except InvalidInput as error:
            failure = Unavailable(error.reason, error.message)
            cause: Exception = error
        except Unavailable as error:
            failure, cause = error, error
        kept = Failure(failure.reason, failure.permanent, failure.retry_after, raw)
        with self._units() as reporting:
            reporting.record_failure(batch_id, attempt, kept)
        if failure is cause:
            raise failure
        raise failure from cause
