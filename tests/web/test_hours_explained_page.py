"""The institution reads of a learner's time what the learner reads: each stretch with its clause, and what bound it."""

import json
import re

from bridge.kernel.ids import LearnerRef
from tests.web.furnished import OTHER_RUN, RUN, Furnished

Finished = tuple[Furnished, str, LearnerRef, str]


def address(learner: str, run: str = RUN) -> str:
    return f"/institution/class-runs/{run}/learners/{learner}/hours"


def test_staff_see_the_picture_the_clauses_and_which_document_bound(finished: Finished) -> None:
    furnished, account, learner, _ = finished
    page = furnished.as_staff("staff-lin").get(address(learner)).text
    found = re.search(r"data-timeline='([^']+)'", page)
    assert found is not None
    picture = json.loads(found[1])
    verdicts = {one["verdict"] for unit in picture["units"] for one in unit["segments"]}
    assert verdicts == {"credited", "refused"}
    refused = [one for unit in picture["units"] for one in unit["segments"] if one["verdict"] == "refused"]
    assert all(picture["reasons"][one["reason"]]["source"] for one in refused)
    assert 'data-parameter="hours.minutes_per_online_class_hour" data-pack="guangdong-2022-3"' in page
    assert 'data-parameter="hours.offline_share_floor_of_theory" data-pack="aq-8011-2023"' in page
    assert "AQ 8011-2023 4.4.4：30 分钟" in page
    assert 'data-reason="offline_floor_not_met"' in page
    own = furnished.as_learner(account, learner).get("/learner/progress").text
    assert own.strip() in page.replace('data-papers="0"', 'data-papers="1"')


def test_the_name_is_masked_and_the_number_nowhere(finished: Finished) -> None:
    furnished, _, learner, _ = finished
    page = furnished.as_staff("staff-lin").get(address(learner)).text
    assert "陈晓安" not in page
    assert "陈" in page
    assert not re.search(r"\d{17}[\dX]", page)


def test_nobody_else_reads_it(finished: Finished) -> None:
    furnished, account, learner, _ = finished
    assert furnished.client().get(address(learner)).status_code in (302, 303, 401, 403)
    assert furnished.as_learner(account, learner).get(address(learner)).status_code == 403
    assert furnished.as_staff("official-guangzhou").get(address(learner)).status_code == 403
    staff = furnished.as_staff("staff-lin")
    assert staff.get(address("lrn_nobody")).status_code == 404
    assert staff.get(address(learner, OTHER_RUN)).status_code == 404
