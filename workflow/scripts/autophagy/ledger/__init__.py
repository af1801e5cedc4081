"""The DVC side: the stages of an experiment, its dvc.yaml, and which of them are true on disk."""

from autophagy.ledger.current import findings
from autophagy.ledger.document import ledger_folder, require_current, text
from autophagy.ledger.nodes import stage_nodes
from autophagy.ledger.stages import STAGES, Stage, stages_of

__all__ = (
    "STAGES",
    "Stage",
    "findings",
    "ledger_folder",
    "require_current",
    "stage_nodes",
    "stages_of",
    "text",
)
