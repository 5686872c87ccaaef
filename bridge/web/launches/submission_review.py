"""A teacher opens one learner's evidence from the gradebook."""

from flask import redirect, url_for

from bridge.kernel.errors import NotPermitted
from bridge.web.launches.arrival import Answer, Arrival
from bridge.web.pages.lms_visits import LMS_TEACHER
from lti.roles import Role
from lti.submission_review import SubmissionReviewRequest

REVIEWERS = (Role.TEACHER, Role.ADMINISTRATOR)
"""Who makes contents has no business with a learner's evidence."""


def begin_review(arrival: Arrival, request: SubmissionReviewRequest) -> Answer:
    """Let the teacher see that one learner.

    Raises:
        NotPermitted: launch_role, class_run_unlinked; review_learner_unknown (no account of this platform, no real
            name, or not of this course's class run: all the same to who asks).
    """
    claims = arrival.claims
    with arrival.house.uow.for_institution(arrival.institution) as tx:
        arrival.require_role(*REVIEWERS)
        stations = arrival.house.at(tx)
        context = claims.context
        run = None if context is None else stations.registry.class_run_for(arrival.registration, context.id)
        if run is None:
            raise NotPermitted("class_run_unlinked", "这门课程还没有关联班次,请联系培训机构。")
        known = stations.identity.account_for(arrival.registration, request.for_user_id)
        learner = None if known is None else known.learner
        if learner is None or run not in stations.registry.class_runs_of(learner):
            raise NotPermitted(
                "review_learner_unknown", "这名学员还没有在安学桥完成本班次的实名登记,没有可以查看的记录。"
            )
        teacher = arrival.account(stations)
    arrival.begin(
        role=LMS_TEACHER,
        account_id=teacher.account_id,
        review={"learner": learner, "class_run": run},
    )
    return redirect(url_for("submission_review.show"), code=303)
