"""One engine on the real weights for all tests of this folder."""

from pathlib import Path

import pytest

from bridge.presence.face import FaceTemplate
from bridge.settings import Mode, Settings
from bridge.setup.assets import assets_dir
from plugins.presence.onnx_engine import OnnxFaceEngine, load_engine
from plugins.presence.photographs import learner_id_photo


@pytest.fixture(scope="session")
def engine() -> OnnxFaceEngine:
    return load_engine(assets_dir())


@pytest.fixture(scope="session")
def learner(engine: OnnxFaceEngine) -> FaceTemplate:
    template = engine.observe(learner_id_photo()).template
    assert template is not None
    return template


@pytest.fixture
def production(tmp_path: Path) -> Settings:
    """Settings of real use whose folder holds nothing but the weights."""
    var = tmp_path / "var"
    var.mkdir()
    (var / "assets").symlink_to(assets_dir())
    return Settings(mode=Mode.PRODUCTION, var=var)
