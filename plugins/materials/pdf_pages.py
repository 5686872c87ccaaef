"""Draws the pages of a PDF by PDFium, in a process of its own: a PDF is a stranger's program, and this is its cell.

Telephones of five years ago and web views then need no PDF reader; they show pictures.
"""

import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.registry.material_model import MAX_PAGES
from bridge.settings import ROOT

WIDTH = 1240
"""Pixels: 150 to an inch of A4, three to a point of a telephone's screen."""
_MAX_HEIGHT = 4 * WIDTH
_QUALITY = 82
_SECONDS = 120
_MEMORY_BYTES = 3 << 30
_MAX_PICTURE_BYTES = 8 << 20
_REFUSALS = {
    10: ("pdf_locked", "这个 PDF 设有密码,请去掉密码后再上传。"),
    11: ("pdf_unreadable", "这个 PDF 打不开或已损坏,请重新导出后再上传。"),
    12: ("pdf_pages", f"这个 PDF 没有页面或超过 {MAX_PAGES} 页,请拆成几个单元。"),
}


class PdfPages:
    """`bridge.registry.material_ports.PageDrawer` with PDFium."""

    def draw(self, pdf: Path, folder: Path) -> Sequence[Path]:
        """Draw each page as a WebP picture of `WIDTH` pixels; a process that takes too much is ended."""
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "plugins.materials.pdf_pages", str(pdf), str(folder)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InvalidInput(
                "pdf_too_slow", "这个 PDF 太复杂,无法生成页面,请简化后再上传。", http_status=422
            ) from error
        if b"ModuleNotFoundError" in ended.stderr:
            raise Unavailable(
                "pdf_library_missing", "缺少生成 PDF 页面的组件,请重新运行 ./anxue 完成安装。", permanent=True
            )
        if ended.returncode:
            reason, message = _REFUSALS.get(ended.returncode, _REFUSALS[11])
            raise InvalidInput(reason, message, http_status=422)
        return sorted(folder.glob("*.webp"))


def _draw(pdf: Path, folder: Path) -> int:
    """Draw in this process; return its exit status."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MAX_PICTURE_BYTES, _MAX_PICTURE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import cv2
    import pypdfium2

    cv2.setNumThreads(1)
    try:
        document = pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError as error:
        return 10 if "password" in str(error).lower() else 11
    if not 1 <= len(document) <= MAX_PAGES:
        return 12
    for number, page in enumerate(document, 1):
        width, height = page.get_size()
        if width <= 0 or height <= 0:
            return 11
        scale = min(WIDTH / width, _MAX_HEIGHT / height)
        drawn = page.render(scale=scale, rev_byteorder=False, prefer_bgrx=False).to_numpy()
        if drawn.shape[2] == 1:
            drawn = cv2.cvtColor(drawn, cv2.COLOR_GRAY2BGR)
        kept, picture = cv2.imencode(".webp", drawn[:, :, :3], [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
        if not kept:
            return 11
        (folder / f"{number:04d}.webp").write_bytes(picture.tobytes())
        page.close()
    return 0


if __name__ == "__main__":
    sys.exit(_draw(Path(sys.argv[1]), Path(sys.argv[2])))
