"""Model weights: found, checked by hash, mended, and opened as a session."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from bridge.kernel.errors import Unavailable
from bridge.presence.face_pack import PackModel

# Products of such weights vanish in float32 sums, but the processor computes denormals in microcode:
# zeroing them at load took one recogniser from 74 ms to 17 ms a face without changing its output.
_VANISHING = 1e-30


def open_model(model: PackModel, weights: Path) -> Any:
    """Return an onnxruntime.InferenceSession of `<weights>/<model.file>`, on one thread of the CPU.

    One thread, since a chain of sessions with two each is slower on two cores (they spin while they wait);
    more frames a second come from more workers.

    Raises:
        Unavailable: face_weights_missing, face_weights_altered (both permanent).
    """
    return open_content(read_weights(model, weights))


def open_content(content: bytes) -> Any:
    """Return an onnxruntime.InferenceSession of the ONNX model `content`, as `open_model`."""
    import onnxruntime

    return onnxruntime.InferenceSession(
        without_denormals(content), one_thread(), providers=["CPUExecutionProvider"]
    )


def one_thread() -> Any:
    """Return the onnxruntime.SessionOptions of every model here."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def read_weights(model: PackModel, weights: Path) -> bytes:
    """Return the bytes of the model's file, which have the pack's hash.

    Raises:
        Unavailable: face_weights_missing, face_weights_altered (both permanent).
    """
    if model.file is None:
        raise ValueError(f"{model.id} has no file of its own")
    try:
        content = (weights / model.file).read_bytes()
    except OSError as error:
        raise Unavailable(
            "face_weights_missing",
            f"缺少人脸模型文件 {model.file},请重新运行 ./anxue,它会自动补齐。",
            permanent=True,
        ) from error
    if hashlib.sha256(content).hexdigest() != model.sha256:
        raise Unavailable(
            "face_weights_altered",
            f"人脸模型文件 {model.file} 与模型包登记的校验值不符,请删除该文件后重新运行 ./anxue。",
            permanent=True,
        )
    return content


def without_denormals(content: bytes) -> bytes:
    """Return the ONNX model `content` with every float32 weight smaller than 1e-30 set to zero."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(content)
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        weights = numpy_helper.to_array(tensor)
        vanishing = (weights != 0) & (np.abs(weights) < _VANISHING)
        if vanishing.any():
            tensor.CopyFrom(numpy_helper.from_array(np.where(vanishing, 0, weights), tensor.name))
    return bytes(model.SerializeToString())


def with_colours_swapped(content: bytes) -> bytes:
    """Return the ONNX model `content` for pictures whose first and third colour have changed places.

    Raises:
        ValueError: the model does not begin with a convolution over three colours.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(content)
    entry = model.graph.input[0].name
    first = next((node for node in model.graph.node if entry in node.input), None)
    if first is not None and first.op_type == "Conv":
        for tensor in model.graph.initializer:
            if tensor.name == first.input[1] and list(tensor.dims)[1:2] == [3]:
                kernel = numpy_helper.to_array(tensor)[:, ::-1]
                tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(kernel), tensor.name))
                return bytes(model.SerializeToString())
    raise ValueError("the recogniser does not begin with a convolution over three colours")
