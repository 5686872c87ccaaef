"""A province for the bench `supervision`, made by the database: nobody in it is a person, nothing was studied."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine, text

from bridge.supervision.rollup_tables import FIGURES

PER_RUN = 50
DAYS = 30
LAST = date(2026, 11, 20)
_CITIES = (
    "440100", "440200", "440300", "440400", "440500", "440600", "440700", "440800", "440900", "441200", "441300",
    "441400", "441500", "441600", "441700", "441800", "441900", "442000", "445100", "445200", "445300",
)  # fmt: skip


def synthesise(engine: Engine, learners: int, sessions: int) -> None:
    """Make institutions, class runs, learners, checks, sessions, the cells of each day and their sums.

    Args:
        learners: a multiple of `PER_RUN`.
        sessions: of each learner.
    """
    runs = learners // PER_RUN
    numbers = {
        ":runs": runs,
        ":learners": learners,
        ":sessions": sessions,
        ":per_run": PER_RUN,
        ":days": DAYS,
        ":institutions": max(len(_CITIES), runs // 100),
    }
    days = {"first": LAST - timedelta(days=DAYS - 1), "at": datetime(2026, 11, 20, 4, tzinfo=UTC)}
    for statement in _STATEMENTS:
        # Numbers are written out: as parameters they would be the smallest kind that holds them.
        written = _filled(statement)
        for name, number in numbers.items():
            written = written.replace(name, str(number))
        named = {name: day for name, day in days.items() if f":{name}" in written}
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL synchronous_commit = off"))
            connection.execute(text(written), named)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _filled(statement: str) -> str:
    """Return the statement with its words in <…> put in: cities in turn, and the columns of figures."""
    listed = ", ".join(f"'{one}'" for one in _CITIES)
    for word, value in (
        ("<city>", f"(ARRAY[{listed}])[1 + g % {len(_CITIES)}]"),
        ("<next city>", f"(ARRAY[{listed}])[1 + (g + k) % {len(_CITIES)}]"),
        ("<figures>", ", ".join(FIGURES)),
        ("<twos>", ", ".join("2" for _ in FIGURES)),
        ("<sums>", ", ".join(f"sum({name})" for name in FIGURES)),
    ):
        statement = statement.replace(word, value)
    return statement


_STATEMENTS = (
    """INSERT INTO institution (id, institution_id, uscc, name, operator_name, provincial_connected)
    SELECT 'org_' || g, 'org_' || g, lpad(g::text, 18, '0'), '机构' || g, '平台', true
    FROM generate_series(0, :institutions - 1) g""",
    """INSERT INTO outline (id, institution_id, title, theory_class_hours, units)
    SELECT 'ol_' || g, 'org_' || g, '大纲', 4, '[]' FROM generate_series(0, :institutions - 1) g""",
    """INSERT INTO course (id, institution_id, version, title)
    SELECT 'co_' || g, 'org_' || g, '1', '课程' FROM generate_series(0, :institutions - 1) g""",
    """INSERT INTO class_run (id, institution_id, title, kind, category, division_code, opens_on, closes_on, profile,
    outline_id, course_id) SELECT 'run_' || g, 'org_' || g % :institutions, '班次' || g, 'initial', 'x', <city>,
    CAST(:first AS date) + g % 25, CAST(:first AS date) + g % 25 + 40, 'guangdong', 'ol_' || g % :institutions,
    'co_' || g % :institutions FROM generate_series(0, :runs - 1) g""",
    """INSERT INTO enrolment (id, institution_id, class_run_id, learner, list_row, enrolled_on, enrolled_at)
    SELECT 'en_' || g, 'org_' || (g / :per_run) % :institutions, 'run_' || g / :per_run, 'ln_' || g, 'row',
    CAST(:first AS date), CAST(:at AS timestamptz) FROM generate_series(0, :learners - 1) g""",
    """INSERT INTO supervised_area (learner_ref, class_run_id, institution_id, division_code, noted_by, noted_at)
    SELECT 'ln_' || g, 'run_' || g / :per_run, 'org_' || (g / :per_run) % :institutions,
    CASE WHEN g % 7 = 0 THEN '440106' ELSE <city> END, 'st', CAST(:at AS timestamptz)
    FROM generate_series(0, :learners - 1) g""",
    """INSERT INTO supervised_progress (id, institution_id, learner_ref, class_run_id, credited_seconds,
    provisional_seconds, refused_seconds, online_class_hours, offline_class_hours, noted_at)
    SELECT 'sp_' || g, 'org_' || (g / :per_run) % :institutions, 'ln_' || g, 'run_' || g / :per_run, 5400, 0, 60, 2, 0,
    CAST(:at AS timestamptz) FROM generate_series(0, :learners - 1) g""",
    """INSERT INTO presence_check (id, institution_id, session, learner, class_run, kind, due_ms, opened_ms,
    answer_by_ms, attempts_left, state, nonce, verdicts, decided_ms, reference)
    SELECT 'chk_' || g, 'org_' || (g / 3 / :per_run) % :institutions, 'ses_' || g, 'ln_' || g / 3,
    'run_' || g / 3 / :per_run, 'random', 1763600000000 + g, 0, 0, 0, 'passed', 'n', '[]', 1763600000000 + g, ''
    FROM generate_series(0, :learners * 3 - 1) g""",
    """INSERT INTO study_session (id, institution_id, learner, class_run, unit, activity, account_id, open, opened_ms,
    next_seq, last_batch_sha256, chain_seq, chain_hash, next_due_ms, credited_seconds, provisional_seconds,
    refused_seconds, attended_ms, news, orders, method, secret_sha256, token_id)
    SELECT 'ses_' || g, 'org_' || (g / :sessions / :per_run) % :institutions, 'ln_' || g / :sessions,
    'run_' || g / :sessions / :per_run, 'u', 'study', 'acc', false, 1763600000000 + g, 1, '', 0, '', 0, 100, 0, 0, 0,
    '', '', 'face', '', 't' || g FROM generate_series(0, :learners * :sessions - 1) g""",
    """INSERT INTO supervised_class_day (class_run_id, institution_id, day, learner_division, profile,
    institution_division, <figures>)
    SELECT 'run_' || g, 'org_' || g % :institutions, CAST(:first AS date) + d, works, 'guangdong', <city>, <twos>
    FROM generate_series(0, :runs - 1) g, generate_series(0, :days - 1) d,
    LATERAL (SELECT DISTINCT <next city> AS works FROM generate_series(0, 2) k) w""",
    """INSERT INTO supervised_area_day (profile, institution_division, learner_division, day, <figures>)
    SELECT profile, institution_division, learner_division, day, <sums> FROM supervised_class_day
    GROUP BY 1, 2, 3, 4""",
)
