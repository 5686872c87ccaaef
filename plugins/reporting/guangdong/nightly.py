"""The nightly form: one city's batches of one legal day in one file, and their sum."""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import IO

from lxml import etree

from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.mapping import mapping_on
from plugins.reporting.guangdong.version import version_of


def write_nightly(
    out: IO[bytes], day: date, division_code: str, uscc: str, batches: Iterable[tuple[str, bytes]]
) -> Counter[str]:
    """Write the form of the day's batches, (id, bytes) in their order; return how many records of each element.

    One batch is in memory at a time.

    Raises:
        InvalidInput: "nightly_mixed_versions": a batch of another version than the day's.
    """
    mapping = mapping_on(day)
    words = f"{{{mapping.namespace}}}"
    totals: Counter[str] = Counter()
    number = 0
    out.write(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Nightly xmlns="{mapping.namespace}" version="{mapping.version}"'
        f' day="{day}" city="{division_code}" institution="{uscc}">\n'.encode()
    )
    for batch_id, batch in batches:
        if version_of(batch) != mapping.version:
            raise InvalidInput(
                "nightly_mixed_versions", "当日的批次使用了不同版本的报送结构,不能合成一份汇总。"
            )
        records = safe_xml.parse(batch, mapping.version, "feed").find(f"{words}Records")
        ones = [] if records is None else list(records)
        totals.update(etree.QName(one).localname for one in ones)
        out.write(f'<Part batch="{batch_id}" sha256="{sha256_hex(batch)}" count="{len(ones)}">\n'.encode())
        for one in ones:
            one.tail = None
            out.write(etree.tostring(one, method="c14n", exclusive=True) + b"\n")
        out.write(b"</Part>\n")
        number += 1
    out.write(f'<Totals batches="{number}" records="{totals.total()}">\n'.encode())
    for element, count in sorted(totals.items()):
        out.write(f'<Of element="{element}" count="{count}"/>\n'.encode())
    out.write(b"</Totals>\n</Nightly>\n")
    return totals
