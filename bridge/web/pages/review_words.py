"""How pages about reviews of checks name states, steps, verdicts and thresholds. Pure."""

from collections.abc import Mapping

from bridge.presence.movement import MOVE_TITLES

STATES: Mapping[str, str] = {
    "waiting": "待复核",
    "decided": "待另一人确认",
    "sent_back": "被退回，待重新判断",
    "upheld": "维持原结果",
    "overturned": "认定为误判",
    "expired": "到期办结，按原结果",
}
MARKS: Mapping[str, str] = {
    "waiting": "warn",
    "decided": "",
    "sent_back": "warn",
    "upheld": "none",
    "overturned": "good",
    "expired": "none",
}
ORIGINS: Mapping[str, str] = {"system": "系统提请", "appeal": "学员申诉", "staff": "工作人员提请"}
STEPS: Mapping[str, str] = {
    "opened": "提请复核",
    "appealed": "学员申诉",
    "decided": "作出判断",
    "undone": "撤销判断",
    "sent_back": "退回",
    "confirmed": "另一人确认",
    "expired": "到期办结",
}
VERDICTS: Mapping[str, str] = {
    "verified": "是本人",
    "other_person": "不是本人",
    "suspected_spoof": "疑似照片或屏幕",
    "unsure": "无法确认",
    "no_face": "没有人脸",
    "several_faces": "多张人脸",
    "too_poor": "画面不清",
    "suspected_virtual_camera": "画面重复、不连贯或没有变化",
}
MOVES: Mapping[str, str] = {move.value: title for move, title in MOVE_TITLES.items()}
"""What a picture of a check was to show; a straight look has none."""
PARAMETERS: Mapping[str, str] = {
    "verify": "与登记人脸的相似分，不低于此值才算本人",
    "other_person_below": "与登记人脸的相似分，低于此值判为不是本人",
    "live": "真人分，不低于此值才算真人",
    "spoof_below": "真人分，低于此值判为疑似照片或屏幕",
    "several_faces_score": "第二张脸的检出分，不低于此值判为多张人脸",
    "live_min_face_px": "人脸宽度（像素），小于此值不判断",
}
