"""Contact data is found in fields and in free text; numbers that are not contact data stay whole."""

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.intake.contact import REMOVED, without_contact_data, without_contact_text
from bridge.kernel.ids import new_id, random_ref

WORDS = st.text(alphabet="学员安全培训已完成,。今天 ", max_size=12)
MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
CITIZEN_IDS = st.from_regex(
    r"44[0-9]{4}19[5-9][0-9](0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{3}[0-9X]", fullmatch=True
)


@pytest.mark.parametrize(
    "contact",
    [
        "zhang.san@example.com",
        "mailto:zhang_san@mail.example.com.cn",
        "13800138000",
        "+86 138-0013-8000",
        "0086 13800138000",
        "８６１３８００１３８０００",
        "138 0013 8000",
        "020-12345678",
        "02012345678",
        "(0755)1234567",
        "微信号:zhang_san88",
        "微信 是 zhangsan",
        "weixin:zhang-san88",
        "VX zhangsan88",
        "wxid_zhangsan88",
        "微信12345678",
        "QQ:12345678",
        "ＱＱ号：１２３４５６",
        "扣扣是 1234567890",
    ],
)
def test_contact_data_leaves_free_text(contact: str) -> None:
    cleaned = without_contact_text(f"请联系,{contact},谢谢")
    assert cleaned == f"请联系,{REMOVED},谢谢"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "440199199003071219",
        "44019919900307121X",
        "91440101MA5CXXXXXX",
        "1763863200000",
        "2026-11-23T08:00:00.000Z",
        "成绩 88.5,用时 3600 秒",
        "qq群讨论",
        "微信登录",
        "run_demo",
        "第一章 80% 的课程@3",
        "0000012345678",
        REMOVED,
    ],
)
def test_what_is_no_contact_data_stays_as_it_is(text: str) -> None:
    assert without_contact_text(text) == text


@given(before=WORDS, mobile=MOBILES, after=WORDS)
def test_no_mobile_number_survives_among_words(before: str, mobile: str, after: str) -> None:
    assert without_contact_text(before + mobile + after) == before + REMOVED + after


@given(before=WORDS, citizen_id=CITIZEN_IDS, after=WORDS)
def test_every_citizen_id_survives_among_words(before: str, citizen_id: str, after: str) -> None:
    assert without_contact_text(before + citizen_id + after) == before + citizen_id + after


@given(citizen_id=CITIZEN_IDS, mobile=MOBILES)
def test_a_number_beside_a_citizen_id_goes_alone(citizen_id: str, mobile: str) -> None:
    assert without_contact_text(f"{citizen_id} {mobile}") == f"{citizen_id} {REMOVED}"


@given(
    name=st.text(alphabet=string.ascii_letters + string.digits + "._-", min_size=1, max_size=30),
    host=st.from_regex(r"[a-z]{1,10}(\.[a-z]{2,5}){1,3}", fullmatch=True),
)
def test_no_mail_address_survives(name: str, host: str) -> None:
    assert "@" not in without_contact_text(f"写信到 {name}@{host} 即可")


@given(st.text(max_size=200))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = without_contact_text(text)
    assert without_contact_text(once) == once


def test_our_own_ids_survive_whatever_letters_chance_gives_them() -> None:
    ids = [random_ref("lrn") for _ in range(3000)] + [new_id("msg") for _ in range(100)]
    ids += [
        "lrn_0wxabcdefgh1234567890qq123",
        "lrn_vxabcdefghjkmnpqrstvw12345",
        "lr_abcdefgh13800138000abcdefg",
    ]
    assert [without_contact_text(one) for one in ids] == ids
    assert without_contact_text("lr_abcdefgh13800138000abcdef") == "lr_abcdefgh[已去除联系方式]abcdef"
    assert without_contact_text("x-lr_abcdefgh13800138000abcdefg1") == "x-lr_abcdefgh[已去除联系方式]abcdefg1"


@pytest.mark.parametrize(
    "text",
    ["a" * 65_536, "a@" * 32_768, "1" * 65_536, "微信" + " " * 65_536, "微信号是" * 16_384, "13800-" * 9_000],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.perf_counter()
    without_contact_text(text)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "field",
    ["email", "e-mail", "E_Mail", "mbox", "mbox_sha1sum", "phone", "phone_number", "mobile", "tel", "home_tel",
     "wechat", "weixinId", "wx_id", "unionid", "openid", "qq", "qq_number", "address", "手机号", "联系电话", "微信号",
     "家庭住址", "password", "client_secret", "Authorization", "api_key", "access_token"],
)  # fmt: skip
def test_a_field_that_speaks_of_contact_or_secrets_vanishes_with_all_below_it(field: str) -> None:
    value = {"sub": "u-1", field: {"deep": ["x"]}, "list": [{field: "x", "kept": 1}]}
    assert without_contact_data(value) == {"sub": "u-1", "list": [{"kept": 1}]}


@pytest.mark.parametrize("field", ["sub", "hotel", "intellect", "resource_link_id", "title", "subtitle"])
def test_other_fields_stay(field: str) -> None:
    assert without_contact_data({field: "值"}) == {field: "值"}


def test_a_number_that_serves_as_a_field_name_vanishes_too() -> None:
    assert without_contact_data({"13800138000": 1, "kept": 2}) == {"kept": 2}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_a_cleaned_value_has_nothing_more_to_clean(value: object) -> None:
    once = without_contact_data(value)
    assert without_contact_data(once) == once
