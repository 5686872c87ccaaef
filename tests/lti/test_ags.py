"""Line items, scores and results: over real HTTP against a platform that keeps the rules, or is told not to."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from lti.ags import (
    LINE_ITEM_READ_SCOPE,
    LINE_ITEM_SCOPE,
    LINE_ITEM_TYPE,
    RESULT_READ_SCOPE,
    SCORE_SCOPE,
    SCORE_TYPE,
    GradeService,
    LineItem,
    Result,
    read_line_item,
    scores_url,
)
from lti.claims import AgsEndpoint
from lti.errors import ServiceFailed
from lti.scores import Score
from lti.services import SetAside
from tests.lti.platform import START
from tests.lti.service_platform import ServicePlatform, answer, service_platform

HOURS = LineItem("学时", Fraction(32), resource_id="class-run-1", tag="hours", resource_link_id="link-1")


@pytest.fixture
def lms() -> Iterator[ServicePlatform]:
    with service_platform() as platform:
        yield platform


@pytest.fixture
def item(lms: ServicePlatform) -> LineItem:
    return grades(lms).create_line_item(lms.registration(), f"{lms.origin}/lineitems?type_id=7", HOURS)


def grades(lms: ServicePlatform) -> GradeService:
    return GradeService(lms.call())


def address(item: LineItem) -> str:
    assert item.id is not None
    return item.id


def give(lms: ServicePlatform, url: str, points: int = 85) -> bool:
    score = Score("user-1", Fraction(points), Fraction(100), lms.clock.now())
    return grades(lms).post_score(lms.registration(), url, score).already_newer


def failure(lms: ServicePlatform, url: str) -> ServiceFailed:
    with pytest.raises(ServiceFailed) as failed:
        give(lms, url)
    return failed.value


def other_than_token(reply: Response) -> Any:
    return lambda request: None if request.path == "/token" else reply


def test_a_score_reaches_the_grade_book(lms: ServicePlatform, item: LineItem) -> None:
    assert give(lms, address(item)) is False
    sent = lms.asked[-1]
    assert (sent.method, sent.full_path) == ("POST", "/lineitems/1/scores?type_id=7")
    assert sent.headers["Content-Type"] == SCORE_TYPE
    assert lms.granted[sent.headers["Authorization"].removeprefix("Bearer ")] == SCORE_SCOPE
    assert lms.bodies[-1] == (
        b'{"userId": "user-1", "scoreGiven": 85, "scoreMaximum": 100, "activityProgress": "Completed",'
        b' "gradingProgress": "FullyGraded", "timestamp": "2026-11-23T08:00:00.000Z"}'
    )
    assert lms.grades == {("1", "user-1"): (int(START.timestamp()), 85)}


def test_a_newer_score_at_the_platform_is_success(lms: ServicePlatform, item: LineItem) -> None:
    give(lms, address(item))
    assert give(lms, address(item), 90) is True
    assert lms.grades[("1", "user-1")][1] == 85


@pytest.mark.parametrize(
    "body",
    [
        '{"timestamp": ["Score timestamp can only be updated to a later point in time"]}',
        '{"timestamp": ["Score already exists for the provided timestamp"]}',
        "Refusing score with an earlier timestamp for item 7 and user 3",
    ],
)
def test_a_400_that_says_so_is_success(lms: ServicePlatform, item: LineItem, body: str) -> None:
    lms.odd = other_than_token(Response(body, status=400))
    assert give(lms, address(item)) is True


@pytest.mark.parametrize(
    "body",
    [
        # Moodle echoes what it refuses: an unknown user, a teacher.
        'Incorrect score received{"userId": "user-1", "timestamp": "2026-11-23T08:00:00.000Z"}',
        '{"timestamp": ["Datetime has wrong format."]}',
        "",
    ],
)
def test_a_400_that_merely_names_the_timestamp_is_a_refusal(
    lms: ServicePlatform, item: LineItem, body: str
) -> None:
    lms.odd = other_than_token(Response(body, status=400))
    failed = failure(lms, address(item))
    assert (failed.reason, failed.status, failed.permanent) == ("score_refused", 400, True)


@pytest.mark.parametrize(
    ("status", "reason", "permanent"),
    [
        (403, "score_refused", True),
        (404, "score_refused", True),
        (422, "score_refused", True),
        (408, "platform_error", False),
        (429, "platform_error", False),
        (500, "platform_error", False),
        (503, "platform_error", False),
    ],
)
def test_only_what_may_pass_is_worth_another_try(
    lms: ServicePlatform, item: LineItem, status: int, reason: str, permanent: bool
) -> None:
    body = "Score already exists for the provided timestamp"  # believed with a 400 alone
    lms.odd = other_than_token(Response(body, status=status, headers={"Retry-After": "60"}))
    failed = failure(lms, address(item))
    assert (failed.reason, failed.permanent, failed.retry_after_seconds) == (reason, permanent, 60)


@pytest.mark.parametrize(
    "line_item",
    [
        "https://evil.example/1",
        "https://lms.example.evil.example/1",
        "http://lms.example/1",
        "http://127.0.0.1@evil.example/1",
    ],
)
def test_c5_no_score_is_sent_to_another_host(lms: ServicePlatform, line_item: str) -> None:
    assert failure(lms, line_item).reason == "service_host_foreign"
    assert lms.asked == []


def test_without_a_token_no_score_leaves(lms: ServicePlatform) -> None:
    lms.odd = lambda _: answer({"error": "invalid_client"}, status=400)
    assert failure(lms, f"{lms.origin}/lineitems/1").reason == "token_refused"
    assert lms.paths() == ["/token"]


def test_a_line_item_is_made_read_changed_and_deleted(lms: ServicePlatform) -> None:
    service, registration = grades(lms), lms.registration()
    made = service.create_line_item(registration, f"{lms.origin}/lineitems", HOURS)
    assert made == replace(HOURS, id=f"{lms.origin}/lineitems/1?type_id=7")
    assert service.line_item(registration, address(made)) == made
    changed = service.update_line_item(registration, replace(made, score_maximum=Fraction(65, 2), tag=None))
    assert service.line_item(registration, address(made)) == changed
    assert (changed.score_maximum, changed.tag, changed.resource_id) == (Fraction(65, 2), None, "class-run-1")
    service.delete_line_item(registration, address(made))
    assert lms.line_items == {}
    service.delete_line_item(registration, address(made))  # gone already: nothing to complain of
    methods = [(each.method, each.path) for each in lms.asked if each.path != "/token"]
    assert methods == [
        ("POST", "/lineitems"),
        *[("GET", "/lineitems/1"), ("PUT", "/lineitems/1"), ("GET", "/lineitems/1")],
        *[("DELETE", "/lineitems/1")] * 2,
    ]
    with pytest.raises(ServiceFailed) as failed:
        service.line_item(registration, address(made))
    assert (failed.value.reason, failed.value.status) == ("line_item_refused", 404)


def test_an_update_gives_back_what_it_does_not_know(lms: ServicePlatform, item: LineItem) -> None:
    lms.line_items["1"]["https://lms.example/weight"] = 0
    service = grades(lms)
    read = service.line_item(lms.registration(), address(item))
    service.update_line_item(lms.registration(), replace(read, label="学时（第二期）"))
    assert lms.line_items["1"]["https://lms.example/weight"] == 0
    assert lms.line_items["1"]["label"] == "学时（第二期）"


def test_an_update_that_is_answered_with_nothing_stands(lms: ServicePlatform, item: LineItem) -> None:
    lms.odd = other_than_token(Response(status=204))
    assert grades(lms).update_line_item(lms.registration(), item) == item
    with pytest.raises(ValueError, match="has an id"):
        grades(lms).update_line_item(lms.registration(), HOURS)


@pytest.mark.parametrize("status", [400, 403, 409])
def test_a_refused_operation_is_named(lms: ServicePlatform, item: LineItem, status: int) -> None:
    lms.odd = other_than_token(Response(status=status))
    service, registration = grades(lms), lms.registration()
    for operation in (
        lambda: service.line_items(registration, f"{lms.origin}/lineitems"),
        lambda: service.line_item(registration, address(item)),
        lambda: service.create_line_item(registration, f"{lms.origin}/lineitems", HOURS),
        lambda: service.update_line_item(registration, item),
        lambda: service.delete_line_item(registration, address(item)),
    ):
        with pytest.raises(ServiceFailed) as failed:
            operation()
        assert (failed.value.reason, failed.value.status) == ("line_item_refused", status)


def fill(lms: ServicePlatform) -> None:
    for number in range(1, 6):
        lms.line_items[str(number)] = {
            "id": f"{lms.origin}/lineitems/{number}",
            "label": f"成绩 {number}",
            "scoreMaximum": 100,
            "resourceId": f"r{number % 2}",
            "tag": "grade" if number < 4 else "hours",
            "resourceLinkId": "link-1",
        }


def listed(lms: ServicePlatform, **filters: Any) -> list[str]:
    found = grades(lms).line_items(lms.registration(), f"{lms.origin}/lineitems?type_id=7", **filters)
    assert found.set_aside == ()
    return [address(each)[-1] for each in found.items]


@pytest.mark.parametrize("knows_filters", [True, False])
def test_line_items_are_listed_by_every_filter_over_pages(lms: ServicePlatform, knows_filters: bool) -> None:
    fill(lms)
    if not knows_filters:
        everything = list(lms.line_items.values())
        lms.odd = lambda request: answer(everything) if request.path == "/lineitems" else None
    assert listed(lms, limit=2) == ["1", "2", "3", "4", "5"]
    assert listed(lms, tag="grade") == ["1", "2", "3"]
    assert listed(lms, resource_id="r1", tag="grade") == ["1", "3"]
    assert listed(lms, resource_link_id="another") == []
    assert lms.asked[-1].args["type_id"] == "7"


def test_a_platform_that_repeats_a_page_lists_nothing_twice(lms: ServicePlatform) -> None:
    fill(lms)
    everything = list(lms.line_items.values())

    def repeating(request: Request) -> Response | None:
        if request.path != "/lineitems":
            return None
        return answer(everything, link=None if "again" in request.args else '<?again=1>; rel="next"')

    lms.odd = repeating
    assert listed(lms) == ["1", "2", "3", "4", "5"]


ODD_ENTRIES: list[tuple[Any, str]] = [
    (7, "entry_malformed"),
    ({}, "maximum_malformed"),
    ({"id": "https://l.example/1", "label": "x", "scoreMaximum": 0}, "maximum_malformed"),
    ({"id": "https://l.example/1", "label": "x", "scoreMaximum": "100"}, "maximum_malformed"),
    ({"id": "https://l.example/1", "label": "x", "scoreMaximum": True}, "maximum_malformed"),
    ({"id": "https://l.example/1", "label": "", "scoreMaximum": 1}, "entry_malformed"),
    ({"label": "x", "scoreMaximum": 1}, "entry_malformed"),
    ({"id": ["x"], "label": "x", "scoreMaximum": 1}, "entry_malformed"),
    ({"id": "https://l.example/1", "label": "x", "scoreMaximum": 1, "tag": 5}, "entry_malformed"),
    ({"id": "x" * 4097, "label": "x", "scoreMaximum": 1}, "entry_malformed"),
]


@pytest.mark.parametrize(("entry", "why"), ODD_ENTRIES)
def test_a_line_item_that_cannot_be_used_says_why(entry: Any, why: str) -> None:
    assert read_line_item(entry) == why


def test_odd_line_items_do_not_hide_the_others(lms: ServicePlatform) -> None:
    fill(lms)
    entries = [7, lms.line_items["1"], {"id": "x"}]
    lms.odd = lambda request: answer(entries) if request.path == "/lineitems" else None
    found = grades(lms).line_items(lms.registration(), f"{lms.origin}/lineitems")
    assert [each.label for each in found.items] == ["成绩 1"]
    assert found.set_aside == (SetAside(0, 0, "entry_malformed"), SetAside(0, 2, "maximum_malformed"))
    lms.odd = lambda request: answer({"id": "x"}) if request.path == "/lineitems" else None
    with pytest.raises(ServiceFailed, match="reply_not_json"):
        grades(lms).create_line_item(lms.registration(), f"{lms.origin}/lineitems", HOURS)


@pytest.mark.parametrize(
    ("granted", "asked"),
    [
        ((), LINE_ITEM_READ_SCOPE),
        ((LINE_ITEM_SCOPE, LINE_ITEM_READ_SCOPE), LINE_ITEM_READ_SCOPE),
        ((LINE_ITEM_SCOPE,), LINE_ITEM_SCOPE),
        ((LINE_ITEM_READ_SCOPE, SCORE_SCOPE), LINE_ITEM_READ_SCOPE),
    ],
)
def test_reading_asks_for_no_more_than_was_granted(
    lms: ServicePlatform, granted: tuple[str, ...], asked: str
) -> None:
    grades(lms).line_items(lms.registration(), f"{lms.origin}/lineitems", granted=granted)
    assert lms.granted == {"token-1": asked}


ALL_SCOPES = (LINE_ITEM_SCOPE, LINE_ITEM_READ_SCOPE, SCORE_SCOPE)


def where(lms: ServicePlatform, endpoint: AgsEndpoint, wanted: LineItem = HOURS) -> str:
    return grades(lms).line_item_address(lms.registration(), endpoint, wanted)


def test_declarative_the_launch_names_the_line_item_and_nothing_is_asked(lms: ServicePlatform) -> None:
    endpoint = AgsEndpoint(f"{lms.origin}/lineitems/9", f"{lms.origin}/lineitems", (SCORE_SCOPE,))
    assert where(lms, endpoint) == f"{lms.origin}/lineitems/9"
    assert lms.asked == []


def test_programmatic_the_line_item_is_made_once(lms: ServicePlatform) -> None:
    endpoint = AgsEndpoint(None, f"{lms.origin}/lineitems?type_id=7", ALL_SCOPES)
    first = where(lms, endpoint)
    assert first == f"{lms.origin}/lineitems/1?type_id=7"
    assert where(lms, endpoint) == first
    assert where(lms, endpoint, replace(HOURS, tag="exam")) == f"{lms.origin}/lineitems/2?type_id=7"
    assert len(lms.line_items) == 2
    give(lms, first, 16)
    assert lms.grades[("1", "user-1")][1] == 16


def test_a_platform_that_does_not_repeat_the_link_still_finds_the_line_item(lms: ServicePlatform) -> None:
    endpoint = AgsEndpoint(None, f"{lms.origin}/lineitems", ALL_SCOPES)
    first = where(lms, endpoint)
    without = {name: value for name, value in lms.line_items["1"].items() if name != "resourceLinkId"}
    listing = {"/lineitems": [without, {**without, "id": "https://l.example/2", "resourceId": None}]}
    lms.odd = lambda request: answer(listing[request.path]) if request.path in listing else None
    assert where(lms, endpoint) == first


@pytest.mark.parametrize(
    ("line_items", "scopes"), [(None, ALL_SCOPES), ("/lineitems", (SCORE_SCOPE, LINE_ITEM_READ_SCOPE))]
)
def test_where_none_may_be_made_nothing_is_asked(
    lms: ServicePlatform, line_items: str | None, scopes: tuple[str, ...]
) -> None:
    with pytest.raises(ServiceFailed, match="line_item_missing"):
        where(lms, AgsEndpoint(None, line_items and lms.origin + line_items, scopes))
    assert lms.asked == []


def test_a_line_item_that_could_not_be_found_again_is_not_made(lms: ServicePlatform) -> None:
    with pytest.raises(ValueError, match="resource_id or a tag"):
        where(lms, AgsEndpoint(None, f"{lms.origin}/lineitems", ALL_SCOPES), LineItem("x", Fraction(1)))
    assert lms.asked == []


@pytest.mark.parametrize(("label", "maximum"), [("", 1), ("x", 0), ("x", -1)])
def test_a_line_item_has_a_label_and_a_maximum(label: str, maximum: int) -> None:
    with pytest.raises(ValueError, match="label and a maximum"):
        LineItem(label, Fraction(maximum))


def test_only_what_is_known_is_written(lms: ServicePlatform, item: LineItem) -> None:
    assert LineItem("x", Fraction(5, 2)).document() == {"label": "x", "scoreMaximum": 2.5}
    created = [body for asked, body in zip(lms.asked, lms.bodies, strict=True) if asked.path == "/lineitems"]
    assert created == [
        '{"label": "学时", "scoreMaximum": 32, "resourceLinkId": "link-1", "resourceId": "class-run-1",'
        ' "tag": "hours"}'.encode()
    ]
    assert lms.asked[-1].headers["Accept"] == LINE_ITEM_TYPE


def results(lms: ServicePlatform, item: LineItem, **filters: Any) -> list[Result]:
    pages = grades(lms).results(lms.registration(), address(item), **filters)
    return [result for page in pages for result in page.results]


def test_results_come_page_by_page_and_exactly(lms: ServicePlatform, item: LineItem) -> None:
    for number in range(5):
        lms.grades[("1", f"user-{number}")] = (0, 80.5 + number)
    lms.grades[("1", "user-5")] = (0, None)
    pages = list(grades(lms).results(lms.registration(), address(item), limit=2))
    assert [len(page.results) for page in pages] == [2, 2, 2]
    assert pages[0].results[0] == Result("user-0", Fraction(161, 2), Fraction(100))
    assert pages[2].results[1] == Result("user-5", None, Fraction(100))
    asked = [request for request in lms.asked if request.path == "/lineitems/1/results"]
    assert [request.args["type_id"] for request in asked] == ["7"] * 3
    assert lms.granted["token-2"] == RESULT_READ_SCOPE


def test_one_persons_result_is_found_where_the_filter_is_not_known(
    lms: ServicePlatform, item: LineItem
) -> None:
    lms.grades.update({("1", "user-1"): (0, 1), ("1", "user-2"): (0, 2)})
    assert results(lms, item, user_id="user-2") == [Result("user-2", Fraction(2), Fraction(100))]
    assert lms.asked[-1].args["user_id"] == "user-2"


def test_odd_results_are_set_aside(lms: ServicePlatform, item: LineItem) -> None:
    entries: list[Any] = [
        {"userId": "u1", "resultScore": 0.83},
        7,
        {"resultScore": 1},
        {"userId": "", "resultScore": 1},
        {"userId": "u", "resultScore": "1"},
        {"userId": "u", "resultScore": 1, "resultMaximum": 0},
        {"userId": "u", "resultScore": 1, "resultMaximum": None},
        {"userId": "x" * 256},
    ]
    lms.odd = lambda request: answer(entries) if request.path.endswith("/results") else None
    (page,) = grades(lms).results(lms.registration(), address(item))
    assert page.results == (Result("u1", Fraction(83, 100), Fraction(1)),)
    assert [(aside.position, aside.reason) for aside in page.set_aside] == [
        (1, "user_id_missing"),
        (2, "user_id_missing"),
        (3, "user_id_missing"),
        (4, "score_malformed"),
        (5, "score_malformed"),
        (6, "score_malformed"),
        (7, "user_id_missing"),
    ]


def test_refused_results_are_named(lms: ServicePlatform, item: LineItem) -> None:
    lms.odd = other_than_token(Response(status=403))
    with pytest.raises(ServiceFailed, match="results_refused"):
        results(lms, item)


def test_c5_results_do_not_follow_a_page_elsewhere(lms: ServicePlatform, item: LineItem) -> None:
    lms.odd = lambda request: (
        answer([], link='<https://evil.example/>; rel="next"') if request.path.endswith("/results") else None
    )
    with pytest.raises(ServiceFailed, match="service_host_foreign"):
        results(lms, item)


@pytest.mark.parametrize(
    ("line_item", "scores"),
    [
        ("https://l.example/1", "https://l.example/1/scores"),
        ("https://l.example/1/", "https://l.example/1/scores"),
        ("https://l.example/1/lineitem?type_id=2", "https://l.example/1/lineitem/scores?type_id=2"),
    ],
)
def test_score_address(line_item: str, scores: str) -> None:
    assert scores_url(line_item) == scores
