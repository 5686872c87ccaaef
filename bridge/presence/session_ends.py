"""Why a session ended, and what the page that is left says of it."""

from bridge.presence.model import Activity, StudySession

CONSENT_REVOKED = "consent_revoked"
FACES_STOPPED = "faces_stopped"
"""No frame may be taken any more, and not by the learner's choice: the assessment ended or says no."""
FACE_RESET = "face_reset"
"""Two members of staff gave the registered face up: there is nothing to compare with until a new one is registered."""
NOT_TO_ANSWER = frozenset({CONSENT_REVOKED, FACES_STOPPED, FACE_RESET})
"""Ends after which what the session still asked for is held against nobody."""

_SENTENCES = {
    "other_device": "您已在另一台设备或页面上开始学习,本页面已停止计时。",
    "finished": "本次学习已结束。",
    "test_ended": "考试已结束,监考同时结束。",
    "leaving": "培训机构正在移交到其他网络平台,本平台已停止授课。已确认的学时不变。",
    "account_released": "培训机构已解除您与这个学习账号的绑定,本页面已停止计时。",
    CONSENT_REVOKED: (
        "您已撤回人脸信息处理同意,本页面已停止计时。已确认的学时不变;"
        "请培训机构工作人员监督您学习,开始监督后重新打开本页即可继续。"
    ),
    FACE_RESET: (
        "培训机构请您重新登记人脸,本页面已停止计时。已确认的学时不变;"
        "请打开“我的培训”重新登记,完成后再回到本页继续。"
    ),
    FACES_STOPPED: (
        "培训机构现在不能使用刷脸核验,本页面已停止计时。已确认的学时不变;"
        "请培训机构工作人员监督您学习,开始监督后重新打开本页即可继续。"
    ),
    "supervision_ended": "工作人员已结束监督,本页面已停止计时。工作人员确认在场的时间照常计入学时。",
}
_TEST_SENTENCES = {
    "other_device": "您已在另一台设备或页面上继续考试,本页面已停止监考。",
    "finished": "监考已结束。",
}


def closed_sentence(session: StudySession) -> str:
    """Return what the page of a closed session says, in the words of what its learner did there."""
    reason = session.closed_reason or ""
    of_test = _TEST_SENTENCES.get(reason) if session.activity is Activity.TEST else None
    return of_test or _SENTENCES.get(reason, "本次连接已结束,请刷新页面重新开始。")
