"""What is in the made-up province, a statement for each table. Words in <…> are put in by `made_up_province`.

Of each learner: a session slim as it can be, in the order of time, so that one learner's lie far apart; ten checks;
an enrolment, progress, a place of work (one in twenty without); of those who began a month ago a decided test and
mostly a paper; two reported records; for one in twenty a signal. Of each class run a batch with receipt and attempt.
"""

# ruff: noqa: E501  # a line of SQL has what belongs together

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """One statement.

    Args:
        for_each_session: run once for each session of a learner, <session> counted from 0.
        scratch: a table of the set-up alone.
    """

    table: str
    statement: str
    for_each_session: bool = False
    scratch: bool = False


PLACES = """CREATE TABLE made_up_place (number int, city text, at int, many int, county text)"""

LOADS = (
    Load(
        "institution",
        """INSERT INTO institution (id, institution_id, uscc, name, operator_name, provincial_connected, division_code)
    SELECT 'in_' || lpad(g::text, 26, '0'), 'in_' || lpad(g::text, 26, '0'), lpad(g::text, 18, '0'),
    '第' || g || '安全生产培训学校(虚构)', '虚构培训平台', true, CASE WHEN g % 10 < 7 THEN p.county END
    FROM generate_series(0, <institutions> - 1) g
    JOIN made_up_place p ON p.number = g % 21 AND p.at = g / 21 % p.many""",
    ),
    Load(
        "outline",
        """INSERT INTO outline (id, institution_id, title, theory_class_hours, units)
    SELECT replace(id, 'in_', 'ol_'), id, '低压电工作业初训大纲(虚构)', 24,
    '[["part", "理论", "online", 24]]' FROM institution""",
    ),
    Load(
        "course",
        """INSERT INTO course (id, institution_id, version, title)
    SELECT replace(id, 'in_', 'co_'), id, '1', '低压电工作业(虚构)' FROM institution""",
    ),
    Load(
        "course_unit",
        """INSERT INTO course_unit (course_id, id, position, outline_unit_id, title, activity, nominal_ms,
    institution_id) SELECT replace(i.id, 'in_', 'co_'), 'unit_' || u, u, 'part', '第' || u || '讲', 'study', 2700000, i.id
    FROM institution i, generate_series(1, 24) u""",
    ),
    Load(
        "made_up_run",
        """CREATE TABLE made_up_run AS
    SELECT g AS number, 'cr_' || lpad(g::text, 26, '0') AS id, 'in_' || lpad((g % <institutions>)::text, 26, '0')
    AS institution, c.number AS city_number, c.city, i.division_code AS seat, d.opens_on,
    least(10, <last> - d.opens_on + 1) AS days,
    greatest(1, least(40, <last> - d.opens_on + 1) / least(10, <last> - d.opens_on + 1)) AS apart
    FROM generate_series(0, <runs> - 1) g
    CROSS JOIN LATERAL (SELECT <last> - 7 - g % 93 AS opens_on) d
    JOIN (SELECT DISTINCT number, city FROM made_up_place) c
    ON c.number = CASE WHEN g % 20 < 17 THEN g % <institutions> % 21 ELSE g * 7 % 21 END
    JOIN institution i ON i.id = 'in_' || lpad((g % <institutions>)::text, 26, '0')""",
        scratch=True,
    ),
    Load(
        "class_run",
        """INSERT INTO class_run (id, institution_id, title, kind, category, division_code, opens_on, closes_on,
    profile, outline_id, course_id) SELECT id, institution, '低压电工作业初训第' || number || '期', 'initial',
    'low_voltage_electrician', city, opens_on, opens_on + 60, 'guangdong', replace(institution, 'in_', 'ol_'),
    replace(institution, 'in_', 'co_') FROM made_up_run
    UNION ALL SELECT replace(id, 'cr_', 'cr_n'), institution, '低压电工作业初训第' || number || '期(待开班)', 'initial',
    'low_voltage_electrician', city, <last> + 1 + number % 10, <last> + 61 + number % 10, 'guangdong',
    replace(institution, 'in_', 'ol_'), replace(institution, 'in_', 'co_') FROM made_up_run WHERE number % 40 = 0""",
    ),
    Load(
        "city_registration",
        """INSERT INTO city_registration (id, institution_id, division_code, document_number, valid_from, valid_until)
    SELECT 'reg_' || right(institution_id, 22) || right(division_code, 4), institution_id, division_code,
    '虚构登记〔2026〕' || right(division_code, 4) || '号', <last> - 300, <last> + 400
    FROM (SELECT DISTINCT institution_id, division_code FROM class_run) r""",
    ),
    Load(
        "made_up_learner",
        """CREATE TABLE made_up_learner AS
    SELECT g AS number, 'ln_' || lpad(g::text, 26, '0') AS id, r.id AS class_run, r.institution, r.opens_on, r.days,
    r.apart, CASE WHEN g % 20 <> 13 THEN p.county END AS division,
    (r.opens_on - DATE '1970-01-01') * 86400000::bigint + 3600000 + g % 1800 * 1000 AS first_ms
    FROM generate_series(0, <learners> - 1) g JOIN made_up_run r ON r.number = g / <per run>
    JOIN made_up_place p ON p.number = CASE WHEN g % 10 = 7 THEN (g / 10) % 21 ELSE r.city_number END
    AND p.at = g % p.many""",
        scratch=True,
    ),
    Load(
        "enrolment",
        """INSERT INTO enrolment (id, institution_id, class_run_id, learner, list_row, enrolled_on, enrolled_at)
    SELECT replace(id, 'ln_', 'en_'), institution, class_run, id, 'row', opens_on,
    to_timestamp(first_ms / 1000 - 3600) FROM made_up_learner""",
    ),
    Load(
        "supervised_area",
        """INSERT INTO supervised_area (learner_ref, class_run_id, institution_id, division_code, noted_by, noted_at)
    SELECT id, class_run, institution, division, 'st', to_timestamp(first_ms / 1000 - 3600) FROM made_up_learner
    WHERE division IS NOT NULL""",
    ),
    Load(
        "supervised_progress",
        """INSERT INTO supervised_progress (id, institution_id, learner_ref, class_run_id, credited_seconds,
    provisional_seconds, refused_seconds, online_class_hours, offline_class_hours, noted_at)
    SELECT replace(id, 'ln_', 'sp_'), institution, id, class_run, <sessions> * 1140, 0, <sessions> * 60,
    <sessions> * 1140 / 2700, 0, to_timestamp(first_ms / 1000) FROM made_up_learner""",
    ),
    Load(
        "supervised_day",
        """INSERT INTO supervised_day (id, institution_id, learner_ref, class_run_id, day, credited_ms, provisional_ms,
    refused_ms) SELECT 'sd_' || lpad((number * 10 + k)::text, 26, '0'), institution, id, class_run,
    opens_on + k * apart, 1140000 * (<sessions> / days + (k < <sessions> % days)::int), 0,
    60000 * (<sessions> / days + (k < <sessions> % days)::int)
    FROM made_up_learner, LATERAL generate_series(0, days - 1) k""",
    ),
    Load(
        "presence_check",
        """INSERT INTO presence_check (id, institution_id, session, learner, class_run, kind, due_ms, opened_ms,
    answer_by_ms, attempts_left, state, nonce, verdicts, decided_ms, reference)
    SELECT 'chk_' || lpad((number * 10 + k)::text, 26, '0'), institution,
    'ses_' || number * <sessions> + k * <sessions> / 10, id, class_run, 'random', at, at, at + 60000, 1,
    CASE WHEN (number + k * 7) % 100 < 94 THEN 'passed' WHEN (number + k * 7) % 100 < 97 THEN 'missed'
    WHEN (number + k * 7) % 100 < 99 THEN 'failed' ELSE 'declined' END, 'n', '[]', at + 20000, ''
    FROM generate_series(0, 9) k, made_up_learner,
    LATERAL (SELECT first_ms + k % days * apart * 86400000::bigint + k / days * 3600000 + 600000 AS at) t""",
    ),
    Load(
        "study_session",
        """INSERT INTO study_session (id, institution_id, learner, class_run, unit, activity, account_id, open,
    opened_ms, next_seq, last_batch_sha256, chain_seq, chain_hash, next_due_ms, credited_seconds, provisional_seconds,
    refused_seconds, closed_reason, attended_ms, news, orders, method, secret_sha256, token_id)
    SELECT 'ses_' || number * <sessions> + <session>, institution, id, class_run, 'unit_' || 1 + <session> * 24 / <sessions>,
    'study', 'acc', false, first_ms + <session> % days * apart * 86400000::bigint + <session> / days * 3600000,
    60, '', 0, '', 0, 1140, 0, 60, 'ended', 0, '', '', 'face', '', 't' || number * <sessions> + <session>
    FROM made_up_learner""",
        for_each_session=True,
    ),
    Load(
        "test_decision",
        """INSERT INTO test_decision (id, institution_id, learner_ref, class_run_id, unit, attempt, message, score, maximum,
    finished_real, accepted, reasons, checks_passed, covered_ms, attempt_ms, decided_at)
    SELECT replace(id, 'ln_', 'td_'), institution, id, class_run, 'unit_24', '1', 'm', '86', '100', '', number % 10 <> 3,
    '[]', 1, 1800000, 1800000, to_timestamp(first_ms / 1000 + 30 * 86400 + 10800) FROM made_up_learner
    WHERE opens_on + 30 <= <last>""",
    ),
    Load(
        "certificate",
        """INSERT INTO certificate (number, institution_id, kind, learner_ref, class_run_id, sha256, status, issued_at,
    evidence_id, verify_code, printed, facts)
    SELECT replace(learner_ref, 'ln_', 'GD-'), institution_id, 'hour_certificate', learner_ref, class_run_id,
    md5(learner_ref) || md5(class_run_id), 'valid', decided_at + interval '1 hour', replace(learner_ref, 'ln_', 'ev_'),
    left(md5('v' || learner_ref), 12), '{}', '{"class_hours": 24}' FROM test_decision WHERE accepted""",
    ),
    Load(
        "supervision_signal",
        """INSERT INTO supervision_signal (id, institution_id, natural_key, kind, source, class_run_id, learner_ref,
    occurred_at, raised_at) SELECT replace(id, 'ln_', 'sgl_'), institution, 'made-up:' || number,
    (ARRAY['login_as', 'grade_overridden', 'score_changed', 'ledger_corrected', 'studied_unanchored'])[1 + number / 20 % 5],
    'bridge', class_run, id, at, at FROM made_up_learner,
    LATERAL (SELECT to_timestamp(first_ms / 1000 + 4000 + number / 20 % days * apart * 86400) AS at) t
    WHERE number % 20 = 7""",
    ),
    Load(
        "supervision_signal_acknowledgement",
        """INSERT INTO supervision_signal_acknowledgement (signal_id, institution_id, by, note, at)
    SELECT id, institution_id, 'st_made_up', '已核实(虚构)', raised_at + interval '1 day' FROM supervision_signal
    WHERE right(id, 3)::int % 10 <> 7 OR right(id, 2)::int % 40 = 7""",
    ),
    Load(
        "report_batch",
        """INSERT INTO report_batch (id, institution_id, division_code, uscc, state, sha256, evidence_id, record_count,
    created_at, schema_version) SELECT replace(id, 'cr_', 'rb_'), institution, city,
    lpad((number % <institutions>)::text, 18, '0'), 'accepted', md5(id) || md5(id), replace(id, 'cr_', 'ev_'),
    2 * <per run>, (opens_on + 6)::timestamptz + number * interval '1 second', '1.0' FROM made_up_run""",
    ),
    Load(
        "report_attempt",
        """INSERT INTO report_attempt (id, institution_id, batch_id, number, started_at, ended_at, outcome)
    SELECT replace(id, 'rb_', 'ra_'), institution_id, id, 1, created_at, created_at, 'accepted' FROM report_batch""",
    ),
    Load(
        "report_receipt",
        """INSERT INTO report_receipt (id, institution_id, batch_id, raw, status, received_at)
    SELECT replace(id, 'rb_', 'rr_'), institution_id, id, '', 'accepted', created_at FROM report_batch""",
    ),
    Load(
        "report_record",
        """INSERT INTO report_record (id, institution_id, kind, number, revision, learner_ref, class_run_id, division_code,
    fields, state, batch_id, queued_at) SELECT 'rec_' || lpad((l.number * 2 + k)::text, 26, '0'), l.institution,
    (ARRAY['Learner', 'HourSummary'])[1 + k], l.id, 1, l.id, l.class_run, r.city, '{}', 'accepted',
    replace(l.class_run, 'cr_', 'rb_'), to_timestamp(l.first_ms / 1000)
    FROM made_up_learner l JOIN made_up_run r ON r.id = l.class_run, generate_series(0, 1) k""",
    ),
)
"""The sources, in the order in which they can be made."""

_PLACE = """CASE WHEN left(r.seat, 4) = left(r.city, 4) THEN r.seat ELSE r.city END"""

SUMS = (
    Load(
        "supervised_class_day",
        f"""INSERT INTO supervised_class_day (class_run_id, institution_id, day, learner_division, profile,
    institution_division, <figures>)
    SELECT f.run, r.institution, f.day, coalesce(l.division, ''), 'guangdong', {_PLACE}, <found> FROM (
      SELECT class_run_id AS run, learner AS who, enrolled_on AS day, 1 AS enrolled, 0::bigint AS credited_ms,
      0::bigint AS provisional_ms, 0::bigint AS refused_ms, 0 AS checks_passed, 0 AS checks_missed, 0 AS checks_failed,
      0 AS checks_declined, 0 AS tests_passed, 0 AS tests_refused, 0 AS papers, 0 AS paper_class_hours, 0 AS signals
      FROM enrolment
      UNION ALL SELECT class_run_id, learner_ref, day, 0, credited_ms, provisional_ms, refused_ms, 0, 0, 0, 0, 0, 0, 0, 0,
      0 FROM supervised_day
      UNION ALL SELECT class_run, learner, DATE '1970-01-01' + ((decided_ms + 28800000) / 86400000)::int, 0, 0, 0, 0,
      (state = 'passed')::int, (state = 'missed')::int, (state = 'failed')::int, (state = 'declined')::int, 0, 0, 0, 0, 0
      FROM presence_check
      UNION ALL SELECT class_run_id, learner_ref, (decided_at AT TIME ZONE 'Asia/Shanghai')::date, 0, 0, 0, 0, 0, 0, 0, 0,
      accepted::int, (NOT accepted)::int, 0, 0, 0 FROM test_decision
      UNION ALL SELECT class_run_id, learner_ref, (issued_at AT TIME ZONE 'Asia/Shanghai')::date, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      0, 1, (facts ->> 'class_hours')::int, 0 FROM certificate
      UNION ALL SELECT class_run_id, learner_ref, (raised_at AT TIME ZONE 'Asia/Shanghai')::date, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      0, 0, 0, 1 FROM supervision_signal
    ) f JOIN made_up_learner l ON l.id = f.who JOIN made_up_run r ON r.id = f.run GROUP BY 1, 2, 3, 4, 6""",  # noqa: S608  # our own words
    ),
    Load(
        "supervised_area_day",
        """INSERT INTO supervised_area_day (profile, institution_division, learner_division, day, <figures>)
    SELECT profile, institution_division, learner_division, day, <sums> FROM supervised_class_day
    GROUP BY 1, 2, 3, 4""",
    ),
    Load(
        "supervised_city_day",
        """INSERT INTO supervised_city_day (profile, institution_division, learner_division, day, <figures>)
    SELECT profile, left(institution_division, 4) || '00',
    CASE WHEN learner_division = '' THEN '' ELSE left(learner_division, 4) || '00' END, day, <sums>
    FROM supervised_area_day GROUP BY 1, 2, 3, 4""",
    ),
    Load(
        "supervised_run_area",
        """INSERT INTO supervised_run_area (class_run_id, area_code, institution_id)
    SELECT DISTINCT class_run_id, code, institution_id FROM supervised_area, LATERAL (VALUES (division_code),
    (left(division_code, 4) || '00'), (left(division_code, 2) || '0000')) over_it (code)""",
    ),
)
"""The figures by day, out of the sources, and their sums."""
