"""The text under which a learner lets the bridge process their face. A changed text is a new version."""

from dataclasses import dataclass

from bridge.kernel.errors import InvalidInput

FACE = "face"
PHOTO_TO_SOURCE = "real_name_photo"


@dataclass(frozen=True, slots=True)
class ConsentText:
    """What is shown, paragraph by paragraph, and the version that is recorded with the answer."""

    purpose: str
    version: str
    title: str
    paragraphs: tuple[tuple[str, str], ...]
    agree: str
    decline: str


# Source of what must be said: PIPL articles 14, 17, 28 to 30; face-recognition measures of 2025, article 5.
FACE_CONSENT = ConsentText(
    purpose=FACE,
    version="face-2026-1",
    title="人脸信息处理单独同意书",
    paragraphs=(
        (
            "处理什么",
            "报名照片、您在核验时拍摄的照片,以及由照片算出的人脸特征。人脸信息属于敏感个人信息。",
        ),
        (
            "为什么需要",
            "用来确认学习和测验的是您本人,防止他人代学。只做您与您本人照片的一对一比对,"
            "不用于识别其他人,也不用于其他目的。",
        ),
        (
            "如何处理",
            "摄像头只在核验时开启。照片和人脸特征加密保存在本系统内,不发送给其他公司做识别。"
            "核验不通过时,对应时段不计学时。",
        ),
        (
            "保存多久",
            "人脸特征只用于本班次。核验照片属于培训档案,随档案保存,保存期满后销毁。",
        ),
        (
            "不同意怎么办",
            "您可以不同意。请联系培训机构,由工作人员当面核对证件,或改为参加线下培训,不影响您报名的权利。",
        ),
        (
            "如何撤回",
            "您可以随时在本页面撤回同意。撤回后系统立即销毁您的人脸特征;撤回前已完成的核验仍然有效。",
        ),
    ),
    agree="我已阅读并同意处理我的人脸信息",
    decline="不同意",
)

# Source of what must be said: PIPL articles 23, 29 and 30. Who receives it is named beside the text.
PHOTO_CONSENT = ConsentText(
    purpose=PHOTO_TO_SOURCE,
    version="real-name-photo-2026-1",
    title="向核验服务提供报名照片单独同意书",
    paragraphs=(
        ("提供什么", "您的姓名、身份证号码和报名名单中的证件照,不含核验时拍摄的照片和人脸特征。"),
        ("提供给谁", "由培训机构选用的核验服务,名称写在下方。"),
        ("为什么需要", "由该服务与权威数据源比对,确认姓名、号码和照片属于同一人。只用于本次实名核验。"),
        (
            "不同意怎么办",
            "您可以不勾选。照片不会发出,请带身份证由培训机构工作人员当面核对,不影响您报名和学习的权利。",
        ),
    ),
    agree="同意把报名照片提供给核验服务",
    decline="不同意,改为当面核对",
)

CURRENT = {FACE: FACE_CONSENT, PHOTO_TO_SOURCE: PHOTO_CONSENT}


def require_current(purpose: str, version: str) -> ConsentText:
    """Return the text that is shown now.

    Raises:
        InvalidInput: consent_purpose_unknown, consent_version_outdated.
    """
    if purpose not in CURRENT:
        raise InvalidInput("consent_purpose_unknown", "没有这一项同意,请刷新页面后重试。")
    if CURRENT[purpose].version != version:
        raise InvalidInput(
            "consent_version_outdated", "同意书已更新,请刷新页面,阅读新的内容后再确认。", http_status=409
        )
    return CURRENT[purpose]
