"""A certificate's proof over a real house: what `ledger prove` writes, `verify` believes, and nothing else."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bridge.commands.ledger import verify_proof
from bridge.completion.model import PaperKind
from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import FixedClock
from bridge.ledger.consistency import check_consistency, write_consistency
from bridge.ledger.model.seals import ChainSeal
from bridge.ledger.proof import ProofInvalid
from bridge.ledger.signatures import PublicKey, SigningKey
from bridge.settings import Mode, Settings
from bridge.wiring import House
from bridge.wiring.ledger_jobs import signed_heads
from bridge.wiring.ledger_proof import prove, prove_consistency, verify
from tests.web.furnished import CHEN, CHEN_ID, NOW, ORG, RUN, Furnished, furnish

Made = tuple[Furnished, Path, str]


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A house that has issued a certificate to somebody who studied, and to whom more has happened since."""
    folder = tmp_path_factory.mktemp("certified")
    made = furnish(folder, with_fonts=True)
    _account, learner = made.enrol("chen", CHEN, CHEN_ID)
    made.finish_course(learner)
    made.pass_test(learner)
    (paper,) = [one for one in made.papers(learner) if one.kind is PaperKind.HOUR_CERTIFICATE]
    made.check(learner, "ses_later", NOW, "missed")
    yield made, folder / "var", paper.number
    made.house.close()


@pytest.fixture(scope="module")
def proof(certified: Made) -> bytes:
    return prove(certified[0].house, certified[2])


@pytest.fixture(scope="module")
def keys(certified: Made, proof: bytes) -> dict[str, PublicKey]:
    assert proof
    return {one.public.id: one.public for one in certified[0].house.ledger_keys.known()}


def test_a_proof_gives_the_hours_of_the_certificate(
    certified: Made, proof: bytes, keys: dict[str, PublicKey]
) -> None:
    made, _var, number = certified

    found = verify(proof, keys)

    with made.house.uow.for_institution(ORG, read_only=True) as tx:
        paper = made.house.at(tx).completion_store.paper_by_number(number)
    assert paper is not None
    answer = found.to_json()
    assert (answer["certificate"], answer["pdf_sha256"]) == (number, paper.sha256)
    assert answer["credited_seconds"] == paper.facts["credited_seconds"] > 0
    assert answer["class_hours"] == paper.facts["class_hours"] > 0
    assert answer["ledger_head"] == paper.facts["ledger_head"]
    assert answer["key_given"] is True
    assert found.proof.entries < len(made_entries(made, paper.learner))


def made_entries(made: Furnished, learner: Any) -> Any:
    with made.house.uow.for_institution(ORG, read_only=True) as tx:
        return made.house.at(tx).ledger.entries(learner, RUN)


def test_a_proof_says_nothing_that_names_a_person(proof: bytes) -> None:
    text = proof.decode()

    assert CHEN not in text
    assert CHEN_ID not in text


def test_any_changed_byte_is_refused(proof: bytes, keys: dict[str, PublicKey]) -> None:
    dice = random.Random(9)
    for at in [*dice.sample(range(len(proof)), 60), 0, len(proof) - 1]:
        changed = bytearray(proof)
        changed[at] ^= 1
        with pytest.raises(InvalidInput):
            verify(bytes(changed), keys)


def _set(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        at: Any = document
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to

    return change


def _more_hours(document: dict[str, Any]) -> None:
    document["ledger"][0] = document["ledger"][0].replace('"theory_class_hours":', '"theory_class_hours":1')


def _without(*path: str | int) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        at: Any = document
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "place", "reason"),
    [
        (_set("certificate", "statement", "number", to="another"), "certificate", "signature_wrong"),
        (_set("certificate", "statement", "facts", to={}), "certificate", "signature_wrong"),
        (_set("certificate", "statement", "status", to="revoked"), "certificate", "signature_wrong"),
        (_set("certificate", "signature", to="AAAA"), "certificate", "signature_wrong"),
        (_without("certificate", "statement", "entries"), "certificate", "certificate_malformed"),
        (_set("head", "head", "tree_size", to=900), "head", "signature_wrong"),
        (_set("head", "head", "root", to="0" * 64), "head", "signature_wrong"),
        (_set("head", "signature", to=""), "head", "seal_malformed"),
        (_more_hours, "ledger:1", "header_differs"),
        (_without("ledger", 7), "ledger:8", "sequence_broken"),
        (_without("ledger", -1), "ledger:", "head_differs"),
        (_set("ledger", 4, to="{}"), "ledger:5", "entry_invalid"),
        (_set("leaves", to=[]), "ledger:2", "entry_not_sealed"),
        (_set("leaves", 0, "index", to=900), "leaves:1", "inclusion_wrong"),
        (_set("leaves", 0, "leaf", "learner", to="lrn_other"), "leaves:1", "leaf_foreign"),
        (_set("leaves", 0, "leaf", "hashes", 0, to="0" * 64), "leaves:1", "inclusion_wrong"),
        (_set("leaves", 0, "path", to=["0" * 64]), "leaves:1", "inclusion_wrong"),
        (_set("keys", 0, "use", to="enc"), "keys", "keys_malformed"),
        (_set("v", to=2), "文件", "format_unknown"),
    ],
)
def test_what_was_tampered_with_is_refused_with_its_place(
    proof: bytes,
    keys: dict[str, PublicKey],
    change: Callable[[dict[str, Any]], None],
    place: str,
    reason: str,
) -> None:
    document = json.loads(proof)
    change(document)

    with pytest.raises(ProofInvalid) as caught:
        verify(canonical_json(document) + b"\n", keys)

    assert (caught.value.reason, caught.value.place.startswith(place)) == (reason, True), caught.value


def test_hours_that_the_ledger_does_not_give_are_refused_even_when_signed(
    certified: Made, proof: bytes, keys: dict[str, PublicKey]
) -> None:
    document = json.loads(proof)
    statement = document["certificate"]["statement"]
    statement["facts"]["online_class_hours"] += 1
    key = certified[0].house.ledger_keys.signing()
    document["certificate"]["signature"] = key.sign(canonical_json(statement))

    with pytest.raises(ProofInvalid) as caught:
        verify(canonical_json(document) + b"\n", keys)

    assert caught.value.place == "certificate:online_class_hours"


def test_a_proof_under_another_key_is_not_believed(proof: bytes) -> None:
    other = SigningKey.generate().public

    with pytest.raises(ProofInvalid, match="key_unknown"):
        verify(proof, {other.id: other})


def test_a_proof_made_after_a_rotation_holds_under_the_published_keys(
    certified: Made, tmp_path: Path
) -> None:
    first, var, number = certified
    shutil.copytree(var, tmp_path / "var", symlinks=True)
    house = House(Settings(mode=Mode.DEMONSTRATION, var=tmp_path / "var"), clock=FixedClock(NOW))
    house.__dict__["rules"] = first.house.rules
    prove(house, number)  # seals, under the old key
    house.ledger_keys.rotate()

    content = prove(house, number)

    known = {one.public.id: one.public for one in house.ledger_keys.known()}
    house.close()
    assert len(json.loads(content)["keys"]) == 2
    assert verify(content, known).to_json()["valid"] is True


def test_an_unknown_certificate_has_no_proof(certified: Made) -> None:
    with pytest.raises(InvalidInput, match="certificate_unknown"):
        prove(certified[0].house, "no number")


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(verify_proof, list(map(str, arguments)))


def test_the_command_needs_the_file_and_the_public_key_alone(
    certified: Made, proof: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = tmp_path / "no-bridge-here"
    monkeypatch.setenv("ANXUE_VAR", str(nowhere))
    monkeypatch.setenv("ANXUE_DATABASE_URL", f"sqlite:///{nowhere}/none.sqlite")
    file, public = tmp_path / "proof.json", tmp_path / "keys.json"
    file.write_bytes(proof)
    public.write_text(json.dumps(certified[0].house.ledger_keys.jwks()))

    result = _run(file, "--key", public, "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["valid"] is True
    assert not nowhere.exists()
    people = _run(file, "--key", public)
    assert "与证明一致" in people.stdout
    assert people.stderr == ""
    assert "没有给出公钥" in _run(file).stderr


def test_the_command_names_the_place_of_what_it_refuses(proof: bytes, tmp_path: Path) -> None:
    document = json.loads(proof)
    del document["ledger"][3]
    file = tmp_path / "proof.json"
    file.write_bytes(canonical_json(document) + b"\n")

    result = _run(file, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["place"] == "ledger:4"
    assert "ledger:4" in result.stderr


@pytest.fixture
def grown(certified: Made, tmp_path: Path) -> Iterator[House]:
    """A copy of the house with two heads: sealed, then grown, then sealed."""
    first, var, number = certified
    shutil.copytree(var, tmp_path / "var", symlinks=True)
    house = House(Settings(mode=Mode.DEMONSTRATION, var=tmp_path / "var"), clock=FixedClock(NOW))
    house.__dict__["rules"] = first.house.rules
    prove(house, number)
    with house.uow.for_institution(ORG) as tx:
        ledger, (learner, *_others) = house.at(tx).ledger, house.at(tx).registry.enrolled(RUN)
        ledger.record_anchor(
            {"learner": learner, "class_run": RUN, "method": "staff", "at_ms": 1, "good_frames": 3}
        )
    prove(house, number)
    yield house
    house.close()


def test_a_tree_that_only_grew_is_proved_so(grown: House, tmp_path: Path) -> None:
    sizes = [one.head.tree_size for one in signed_heads(grown, ORG, newest=False)]
    known = {one.public.id: one.public for one in grown.ledger_keys.known()}

    content = prove_consistency(grown, ORG, sizes[0])

    found = check_consistency(content, known).to_json()
    assert (found["old_size"], found["new_size"]) == (sizes[0], sizes[-1])
    assert sizes[0] < sizes[-1]
    file, public = tmp_path / "consistency.json", tmp_path / "keys.json"
    file.write_bytes(content)
    public.write_text(json.dumps(grown.ledger_keys.jwks()))
    assert "只有追加" in _run(file, "--key", public).stdout
    assert _run(file).exit_code == 1
    for at in range(0, len(content), 7):
        changed = bytearray(content)
        changed[at] ^= 1
        with pytest.raises(ProofInvalid):
            check_consistency(bytes(changed), known)
    with pytest.raises(InvalidInput, match="head_unknown"):
        prove_consistency(grown, ORG, 4711)


def test_two_heads_that_do_not_belong_together_are_refused(grown: House) -> None:
    old, new = signed_heads(grown, ORG, newest=False)
    known = {one.public.id: one.public for one in grown.ledger_keys.known()}

    with pytest.raises(ProofInvalid, match="consistency_wrong"):
        check_consistency(write_consistency(old, new, []), known)
    with pytest.raises(ProofInvalid, match="consistency_wrong"):
        check_consistency(write_consistency(new, old, []), known)


@pytest.mark.parametrize(
    "respelled",
    [
        lambda content: content.replace(b'"v":1', b'"v": 1', 1),
        lambda content: content.replace(b'"head":{', b'"head":{},"head":{', 1),
        lambda content: content + b"\n",
    ],
)
def test_one_meaning_has_one_spelling(
    proof: bytes, keys: dict[str, PublicKey], respelled: Callable[[bytes], bytes]
) -> None:
    assert respelled(proof) != proof

    with pytest.raises(ProofInvalid, match="not_canonical"):
        verify(respelled(proof), keys)


def test_a_head_of_another_institution_proves_nothing(
    certified: Made, proof: bytes, keys: dict[str, PublicKey]
) -> None:
    document = json.loads(proof)
    head = document["head"]["head"]
    head["institution"] = "org_other"
    document["head"]["signature"] = certified[0].house.ledger_keys.signing().sign(canonical_json(head))

    with pytest.raises(ProofInvalid, match="head_foreign"):
        verify(canonical_json(document) + b"\n", keys)


def test_an_entry_that_was_sealed_as_another_is_refused(
    certified: Made, proof: bytes, keys: dict[str, PublicKey]
) -> None:
    """A ledger that was made anew after it was sealed, by somebody who has the signing key of today."""
    document = json.loads(proof)
    leaf = ChainSeal.from_json(document["leaves"][0]["leaf"])
    other = replace(leaf, hashes=("4" * 64, *leaf.hashes[1:]))
    head = document["head"]["head"]
    head.update(tree_size=1, root=other.leaf_hash().hex())
    document["head"]["signature"] = certified[0].house.ledger_keys.signing().sign(canonical_json(head))
    document["leaves"] = [{"index": 0, "leaf": other.to_json(), "path": []}]

    with pytest.raises(ProofInvalid, match="entry_differs") as caught:
        verify(canonical_json(document) + b"\n", keys)

    assert caught.value.place == "ledger:2"
