"""The ledger's nouns and its arithmetic. Pure; later stations import it.

Start with `settlement.settle`: entries in, `SecondsStatement` out.
"""

from bridge.ledger.model.corrections import CorrectionKind, OfflineFact
from bridge.ledger.model.entries import (
    LedgerEntry,
    LedgerFile,
    LedgerHead,
    LedgerInvalid,
    next_entry,
    read_ledger,
    verify_chain,
    write_ledger,
)
from bridge.ledger.model.facts import Beat, TestFact
from bridge.ledger.model.reasons import Refusal
from bridge.ledger.model.rules import ProfileStudyRules, StudyLimits, StudyRules
from bridge.ledger.model.settlement import settle
from bridge.ledger.model.statement import Figures, SecondsStatement, Segment, UnitSeconds, Verdict

__all__ = [
    "Beat",
    "CorrectionKind",
    "Figures",
    "LedgerEntry",
    "LedgerFile",
    "LedgerHead",
    "LedgerInvalid",
    "OfflineFact",
    "ProfileStudyRules",
    "Refusal",
    "SecondsStatement",
    "Segment",
    "StudyLimits",
    "StudyRules",
    "TestFact",
    "UnitSeconds",
    "Verdict",
    "next_entry",
    "read_ledger",
    "settle",
    "verify_chain",
    "write_ledger",
]
