"""Every table of the bridge in one metadata, for migrations. Importing this imports every store."""

import bridge.archive.store
import bridge.archive.tables
import bridge.completion.gradebook_tables
import bridge.completion.learner_state_tables
import bridge.completion.store
import bridge.db.destruction
import bridge.db.outbox
import bridge.db.vault
import bridge.identity.change_tables
import bridge.identity.deletion_requests
import bridge.identity.enrolment_tables
import bridge.identity.name_check_tables
import bridge.identity.province_login_tables
import bridge.identity.roster_tables
import bridge.identity.second_factor_tables
import bridge.identity.sign_in_tables
import bridge.identity.tables
import bridge.intake.canvas_sources
import bridge.intake.cmi5.tables
import bridge.intake.forwarding_tables
import bridge.intake.launch_state
import bridge.intake.notice_tables
import bridge.intake.quarantine_tables
import bridge.intake.result_tables
import bridge.intake.retention_tables
import bridge.intake.store
import bridge.intake.xapi.tables
import bridge.ledger.correction_tables
import bridge.ledger.snapshot_store
import bridge.ledger.store
import bridge.ledger.tree_tables
import bridge.presence.card_check_tables
import bridge.presence.challenge_store
import bridge.presence.gate.tables
import bridge.presence.prompt_store
import bridge.presence.review.tables
import bridge.presence.search.store
import bridge.presence.supervised_tables
import bridge.presence.tables
import bridge.privacy.stored_faces_tables
import bridge.registry.assessment_tables
import bridge.registry.cap_tables
import bridge.registry.city_register_tables
import bridge.registry.contact_tables
import bridge.registry.course_withdrawals
import bridge.registry.exam_services
import bridge.registry.link_tables
import bridge.registry.lti_tables
import bridge.registry.material_tables
import bridge.registry.suspension_tables
import bridge.registry.tables
import bridge.reporting.store
import bridge.supervision.area_tables
import bridge.supervision.list_export_tables
import bridge.supervision.progress_store
import bridge.supervision.rollup_tables
import bridge.supervision.signals_store
import bridge.supervision.spot_check_tables
import bridge.web.sessions  # noqa: F401  # imported for its table, as all above
from bridge.db.base import Base

metadata = Base.metadata
