"""A paper's small proof, and `anxue verify` of its PDF: offline, with public keys and root certificates alone."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.commands.ledger import verify_proof
from bridge.commands.papers import papers
from bridge.completion.model import PaperKind
from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput
from bridge.ledger.paper_proof import check_paper_proof
from bridge.ledger.proof import ProofInvalid
from bridge.ledger.signatures import PublicKey, SigningKey
from bridge.wiring.ledger_jobs import seal_now
from bridge.wiring.paper_proof import inclusion_of, prove_paper
from bridge.wiring.paper_seals import roots
from tests.web.furnished import CHEN, CHEN_ID, ORG, Furnished, furnish


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Furnished, str, bytes]]:
    """A house that has issued a certificate: (house, number, its PDF)."""
    made = furnish(tmp_path_factory.mktemp("issued"), with_fonts=True)
    _account, learner = made.enrol("chen", CHEN, CHEN_ID)
    made.finish_course(learner)
    made.pass_test(learner)
    (paper,) = [one for one in made.papers(learner) if one.kind is PaperKind.HOUR_CERTIFICATE]
    with pytest.raises(InvalidInput, match="paper_not_sealed"):
        prove_paper(made.house, ORG, paper.number)
    seal_now(made.house, ORG)
    yield made, paper.number, made.house.certificate_pdf(ORG, paper.number)
    made.house.close()


@pytest.fixture(scope="module")
def proof(issued: tuple[Furnished, str, bytes]) -> bytes:
    return prove_paper(issued[0].house, ORG, issued[1])


@pytest.fixture(scope="module")
def keys(issued: tuple[Furnished, str, bytes], proof: bytes) -> dict[str, PublicKey]:
    assert proof
    return {one.public.id: one.public for one in issued[0].house.ledger_keys.known()}


@pytest.fixture
def files(
    issued: tuple[Furnished, str, bytes], proof: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with all that a stranger has, and no bridge."""
    house = issued[0].house
    monkeypatch.setenv("ANXUE_VAR", str(tmp_path / "no-bridge"))
    monkeypatch.setenv("ANXUE_DATABASE_URL", f"sqlite:///{tmp_path / 'no-bridge'}/none.sqlite")
    (tmp_path / "paper.pdf").write_bytes(issued[2])
    (tmp_path / "proof.json").write_bytes(proof)
    (tmp_path / "keys.json").write_text(json.dumps(house.ledger_keys.jwks()))
    (tmp_path / "roots.pem").write_text("".join(roots(house)))
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(verify_proof, list(map(str, arguments)))


def test_a_proof_says_what_the_paper_is_and_nothing_of_when_somebody_studied(
    issued: tuple[Furnished, str, bytes], proof: bytes, keys: dict[str, PublicKey]
) -> None:
    found = check_paper_proof(proof, keys)

    assert found.key_given
    said = found.to_json()
    assert (said["certificate"], said["status"]) == (issued[1], "valid")
    assert set(json.loads(proof)) == {"format", "v", "certificate", "leaf", "head", "keys"}
    for personal in (CHEN, CHEN_ID, "beat", "check"):
        assert personal not in proof.decode()


def test_any_changed_byte_of_a_proof_is_refused(proof: bytes, keys: dict[str, PublicKey]) -> None:
    dice = random.Random(12)
    for at in [*dice.sample(range(len(proof)), 80), 0, len(proof) - 1]:
        changed = bytearray(proof)
        changed[at] ^= 1
        with pytest.raises(InvalidInput):
            check_paper_proof(bytes(changed), keys)


def test_a_leaf_that_seals_something_else_is_refused(
    issued: tuple[Furnished, str, bytes], proof: bytes, keys: dict[str, PublicKey]
) -> None:
    document = json.loads(proof)
    document["certificate"]["statement"]["ledger_head"] = "5" * 64
    statement = canonical_json(document["certificate"]["statement"])
    document["certificate"]["signature"] = issued[0].house.ledger_keys.signing().sign(statement)

    with pytest.raises(ProofInvalid) as caught:
        check_paper_proof(canonical_json(document) + b"\n", keys)

    assert (caught.value.reason, caught.value.place) == ("entry_not_sealed", "leaf")


def test_a_proof_under_another_key_is_not_believed(proof: bytes) -> None:
    other = SigningKey.generate().public
    with pytest.raises(ProofInvalid, match="key_unknown"):
        check_paper_proof(proof, {other.id: other})


def test_the_page_and_the_proof_name_one_place_in_the_tree(
    issued: tuple[Furnished, str, bytes], proof: bytes
) -> None:
    made, number, _pdf = issued
    with made.house.uow.for_institution(ORG, read_only=True) as tx:
        paper = made.house.at(tx).completion_store.paper_by_number(number)
    assert paper is not None
    found = inclusion_of(made.house, ORG, paper)
    assert found is not None
    assert found.holds
    assert found.leaf.to_json() == json.loads(proof)["leaf"]


def test_the_command_checks_a_pdf_with_its_seals_and_its_proof(files: Path) -> None:
    given = ("--proof", files / "proof.json", "--key", files / "keys.json", "--roots", files / "roots.pem")

    result = run(files / "paper.pdf", *given, "--json")

    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["valid"], said["seals"], said["proof"]["status"]) == (True, "good", "valid")
    assert [one["field"] for one in said["signatures"]] == ["institution", "operator"]
    for_people = run(files / "paper.pdf", *given)
    assert "电子签章有效" in for_people.stdout
    assert "文件一致" in for_people.stdout
    assert not (files / "no-bridge").exists()


def test_the_command_says_broken_for_one_changed_byte(files: Path) -> None:
    content = bytearray((files / "paper.pdf").read_bytes())
    content[len(content) // 3] ^= 1
    (files / "paper.pdf").write_bytes(content)

    result = run(files / "paper.pdf", "--roots", files / "roots.pem", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["seals"] == "broken"
    held = run(files / "paper.pdf", "--proof", files / "proof.json", "--key", files / "keys.json")
    assert (held.exit_code, "pdf_differs" in held.stderr) == (1, True)


def test_whole_seals_of_nobody_known_prove_nothing(files: Path) -> None:
    """Anybody can make a certificate that names the institution, and a proof with a public key of its own."""
    for given in ((), ("--proof", files / "proof.json")):
        result = run(files / "paper.pdf", *given, "--json")
        said = json.loads(result.stdout)
        assert (result.exit_code, said["valid"], said["seals"]) == (2, False, "unknown")
    vouched = run(
        files / "paper.pdf", "--proof", files / "proof.json", "--key", files / "keys.json", "--json"
    )
    assert (vouched.exit_code, json.loads(vouched.stdout)["valid"]) == (0, True)


def test_the_command_checks_a_small_proof_alone(files: Path) -> None:
    result = run(files / "proof.json", "--key", files / "keys.json")
    assert result.exit_code == 0
    assert "网络学时证明" in result.stdout
    assert "没有给出公钥" in run(files / "proof.json").stderr


def test_the_operator_sets_an_institutions_template_and_hands_out_roots(
    issued: tuple[Furnished, str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = issued[0].house.settings
    monkeypatch.setenv("ANXUE_VAR", str(settings.var))
    monkeypatch.setenv("ANXUE_MODE", "demonstration")

    def command(*arguments: str | Path) -> Result:
        return CliRunner().invoke(papers, list(map(str, arguments)))

    assert command("roots").stdout.count("BEGIN CERTIFICATE") == 1
    own = command("template", "--institution", ORG, "--show").stdout
    file = tmp_path / "own.typ"
    file.write_text(own.replace("#0f4c5c", "#7a1f1f"))
    assert command("template", file, "--institution", ORG).exit_code == 0
    assert "#7a1f1f" in command("template", "--institution", ORG, "--show").stdout
    file.write_text(own.replace("paper.number", '""'))
    refused = command("template", file, "--institution", ORG)
    assert (refused.exit_code, "template_leaves_out" in refused.stderr) == (1, True)
    assert "#7a1f1f" in command("template", "--institution", ORG, "--show").stdout
    assert command("template", "--institution", ORG, "--remove").exit_code == 0
    assert "#7a1f1f" not in command("template", "--institution", ORG, "--show").stdout
