"""A sealer that seals nothing, for tests of what happens around it."""

from bridge.completion.seal_model import SealHolder


class PlainSealer:
    """Writes who sealed behind the file."""

    def __init__(self, trial_authority: str = "") -> None:
        self.trial_authority = trial_authority

    def seal(self, pdf: bytes, institution: SealHolder, operator: SealHolder) -> bytes:
        return pdf + f"\n{institution.name}|{operator.name}".encode()
