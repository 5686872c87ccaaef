"""Citations: readable, and never law where they are practice."""

import pytest

from bridge.kernel.citation import Basis, Citation


@pytest.mark.parametrize(
    ("document", "article", "shown"),
    [
        ("粤应急规〔2022〕3号", "第十九条", "粤应急规〔2022〕3号第十九条"),
        ("AQ 8011-2023", "4.4.4", "AQ 8011-2023 4.4.4"),
        ("Order 30A", "第五条", "Order 30A 第五条"),
        ("人脸识别办法(2025)", "第四条", "人脸识别办法(2025)第四条"),
        ("AQ 8011-2023", None, "AQ 8011-2023"),
    ],
)
def test_an_article_stands_apart_from_a_number_or_a_latin_word(
    document: str, article: str | None, shown: str
) -> None:
    assert str(Citation(Basis.STANDARD, document, article)) == shown


@pytest.mark.parametrize(
    ("basis", "shown"), [(Basis.PRACTICE, "(惯例,非法规)"), (Basis.OPERATOR, "(运营方设定)")]
)
def test_a_practice_says_that_it_is_none_of_law(basis: Basis, shown: str) -> None:
    assert str(Citation(basis, "anxue-practice")) == "anxue-practice" + shown


@pytest.mark.parametrize("basis", [Basis.PRACTICE, Basis.OPERATOR])
def test_a_practice_cites_no_article(basis: Basis) -> None:
    with pytest.raises(ValueError, match="only law and standard"):
        Citation(basis, "anxue-practice", "第一条")
