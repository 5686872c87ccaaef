"""Which engine runs a pack: the pack says so."""

from pathlib import Path

from bridge.presence.face_pack import FaceRuntime
from plugins.presence.examiner import FaceExaminer
from plugins.presence.onnx_engine import OnnxFaceEngine
from plugins.presence.pack import PACKS, load_pack


def open_engine(assets: Path, pack_id: str = "default", packs: Path = PACKS) -> FaceExaminer:
    """Return the engine of the pack in folder `pack_id` of `packs`, or in the absolute folder `pack_id`.

    Raises:
        Unavailable: as `load_pack` and the engine.
    """
    pack = load_pack(pack_id, packs)
    if pack.runtime is FaceRuntime.INSIGHTFACE:
        from plugins.presence.insightface_engine import InsightFaceEngine

        return InsightFaceEngine(pack, packs / pack_id)
    return OnnxFaceEngine(pack, assets)
