"""The pages that people see, one module for each kind of visitor."""

from flask import Flask

from bridge.web.pages.access_log import access_log_pages
from bridge.web.pages.account import account_pages
from bridge.web.pages.account_release import account_release_pages
from bridge.web.pages.api_clients import api_client_pages
from bridge.web.pages.archive import archive_pages
from bridge.web.pages.authority import authority_pages
from bridge.web.pages.authority_learner import authority_learner_pages
from bridge.web.pages.authority_lists import authority_list_pages
from bridge.web.pages.authority_orders import authority_order_pages
from bridge.web.pages.cap_exception import cap_exception_pages
from bridge.web.pages.card_check import card_check_pages
from bridge.web.pages.class_to_do import class_to_do_pages, register_class_to_do
from bridge.web.pages.cmi5 import cmi5_pages
from bridge.web.pages.compliance import compliance_pages
from bridge.web.pages.corrections import correction_pages
from bridge.web.pages.deep_link import deep_link_pages
from bridge.web.pages.deletion_desk import deletion_desk_pages
from bridge.web.pages.enrolment import enrolment_pages
from bridge.web.pages.exam_service import exam_service_pages
from bridge.web.pages.face_challenge import face_challenge_pages
from bridge.web.pages.face_search import face_search_pages, register_face_search
from bridge.web.pages.factors import factor_pages
from bridge.web.pages.feed import feed_pages
from bridge.web.pages.forwarding import forwarding_pages
from bridge.web.pages.home import home_pages
from bridge.web.pages.hours_explained import hours_explained_pages
from bridge.web.pages.impact_assessment import impact_assessment_pages
from bridge.web.pages.institution import institution_pages
from bridge.web.pages.intake import intake_pages
from bridge.web.pages.learner import learner_pages
from bridge.web.pages.learner_areas import learner_area_pages
from bridge.web.pages.learner_checks import learner_check_pages, register_learner_checks
from bridge.web.pages.list_exports import list_export_pages
from bridge.web.pages.lms import lms_pages
from bridge.web.pages.lms_courses import lms_courses_pages, register_lms_courses_wording
from bridge.web.pages.materials import material_pages
from bridge.web.pages.my_data import my_data_pages
from bridge.web.pages.papers import paper_pages
from bridge.web.pages.person import person_pages
from bridge.web.pages.platforms import platform_pages, register_platform_wording
from bridge.web.pages.player import player_pages
from bridge.web.pages.province_login import province_login_pages, register_province_login
from bridge.web.pages.real_names import real_name_pages, register_real_names
from bridge.web.pages.reviews import review_pages
from bridge.web.pages.second_step import second_step_pages
from bridge.web.pages.signals import signal_pages
from bridge.web.pages.spot_checks import spot_check_pages
from bridge.web.pages.staff import staff_pages
from bridge.web.pages.staff_accounts import staff_account_pages
from bridge.web.pages.submission_review import submission_review_pages
from bridge.web.pages.supervision_desk import supervision_desk_pages
from bridge.web.pages.test_gate import test_gate_pages
from bridge.web.pages.unit_claims import register_unit_claims
from bridge.web.pages.verify import verify_pages
from bridge.web.pages.wording import register_wording
from bridge.wiring import House


def register_pages(app: Flask, house: House) -> None:
    """Give `app` every page, and the words with which templates write values."""
    register_wording(app)
    register_platform_wording(app)
    register_lms_courses_wording(app)
    register_unit_claims(app, house)
    register_real_names(app, house)
    register_face_search(app, house)
    register_province_login(app, house)
    register_learner_checks(app, house)
    register_class_to_do(app, house)
    for pages in (
        home_pages,
        staff_pages,
        province_login_pages,
        second_step_pages,
        account_pages,
        factor_pages,
        staff_account_pages,
        learner_pages,
        face_search_pages,
        my_data_pages,
        face_challenge_pages,
        cmi5_pages,
        player_pages,
        test_gate_pages,
        lms_pages,
        deep_link_pages,
        submission_review_pages,
        institution_pages,
        archive_pages,
        access_log_pages,
        impact_assessment_pages,
        deletion_desk_pages,
        supervision_desk_pages,
        account_release_pages,
        real_name_pages,
        card_check_pages,
        person_pages,
        correction_pages,
        paper_pages,
        review_pages,
        class_to_do_pages,
        learner_check_pages,
        hours_explained_pages,
        enrolment_pages,
        cap_exception_pages,
        material_pages,
        lms_courses_pages,
        platform_pages,
        exam_service_pages,
        signal_pages,
        forwarding_pages,
        feed_pages,
        intake_pages,
        authority_pages,
        authority_list_pages,
        authority_learner_pages,
        authority_order_pages,
        spot_check_pages,
        list_export_pages,
        api_client_pages,
        learner_area_pages,
        compliance_pages,
        verify_pages,
    ):
        app.register_blueprint(pages(house))
