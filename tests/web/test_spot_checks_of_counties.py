"""A county that sees a city's class run since the institution sits there keeps its own check before its eyes."""

from pathlib import Path

from sqlalchemy import update

from bridge.kernel.time import legal_date
from bridge.registry.tables import InstitutionRow
from tests.web.furnished import NOW, ORG, PASSWORD, RUN, furnish, token

COUNTY = "440106"


def test_a_countys_check_of_a_citys_class_run_is_its_own(tmp_path: Path) -> None:
    furnished = furnish(tmp_path)
    house = furnished.house
    with house.uow.for_institution(ORG) as tx:
        assert house.at(tx).registry.class_run(RUN).division_code == "440100"
        tx.session.execute(
            update(InstitutionRow).where(InstitutionRow.id == ORG).values(division_code=COUNTY)
        )
    with house.uow.across_institutions("test: an official of a county") as tx:
        staff = house.at(tx).staff
        staff.accept(staff.invite("authority", "official-tianhe", division_code=COUNTY).token, PASSWORD)
    client = furnished.as_staff("official-tianhe")
    form = {"class_run": str(RUN), "reason": "例行抽查", "checked_on": legal_date(NOW).isoformat()}
    at = f"/authority/class-runs/{RUN}"
    opened = client.post("/authority/spot-checks", data={"csrf_token": token(client, at), **form})
    assert opened.status_code == 303
    assert "例行抽查" in client.get(opened.headers["Location"]).text
    assert "例行抽查" in client.get("/authority/spot-checks").text
    with house.uow.for_institution(ORG, read_only=True) as tx:
        (check,) = house.at(tx).spot_checks.all()
    assert (check.division_code, check.office) == (COUNTY, COUNTY)
