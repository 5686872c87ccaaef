"""The text under which a learner lets the bridge process their face. A changed text is a new version."""

from dataclasses import dataclass

from bridge.kernel.errors import InvalidInput

FACE = "face"
FACE_SEARCH = "face_search"
PHOTO_TO_SOURCE = "real_name_photo"
SUPERVISED = "supervised"
"""The choice of the way without a face; kept like a consent, since it may be given and taken back like one."""


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
    version="face-2026-2",
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
            "人脸特征只用于本班次,班次结束后在规定的天数内销毁(见“我的数据”)。核验照片属于培训档案,随档案保存,保存期满后销毁。",
        ),
        (
            "不同意怎么办",
            "您可以不同意,改用“不刷脸”的方式学习和考试:由培训机构工作人员当面或通过实时视频监督。"
            "学时、考试和证明与刷脸的学员完全一样。",
        ),
        (
            "如何撤回",
            "您可以随时在本页面撤回同意。撤回后系统立即销毁您的人脸特征,并改为工作人员监督的方式;"
            "正在进行的核验随即取消,不扣学时;撤回前已完成的核验仍然有效。",
        ),
    ),
    agree="我已阅读并同意处理我的人脸信息",
    decline="不同意",
)

# Source of what must be said: as above. A search among all is another purpose than a comparison with oneself.
FACE_SEARCH_CONSENT = ConsentText(
    purpose=FACE_SEARCH,
    version="face-search-2026-1",
    title="人脸查重单独同意书",
    paragraphs=(
        ("处理什么", "您登记人脸时算出的人脸特征,与本培训机构已登记、同样同意查重的其他学员的人脸特征比对。"),
        (
            "为什么需要",
            "用来发现同一个人用几个人的名义登记。只在登记时比对,上课和考试时不做;"
            "比对结果只提示工作人员人工核对,不会自动作出对您不利的决定。",
        ),
        ("如何处理", "在本系统内进行,不发送给其他公司。"),
        ("保存多久", "与登记的人脸特征一同销毁:班次结束后在规定的天数内(见“我的数据”),或在您撤回同意时。"),
        (
            "不同意怎么办",
            "您可以不同意,照常登记人脸、学习和考试。",
        ),
        ("如何撤回", "您可以随时在“我的数据”页面撤回。撤回后,您的人脸特征立即从查重范围中删除。"),
    ),
    agree="同意登记时做一次人脸查重",
    decline="不同意,改为核对证件",
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

SUPERVISED_TEXT = ConsentText(
    purpose=SUPERVISED,
    version="supervised-2026-1",
    title="工作人员监督(不刷脸)说明",
    paragraphs=(
        (
            "怎么做",
            "培训机构工作人员当面或通过实时视频看到您本人,核对身份证件后开始监督;学习和考试照常进行,不刷脸。",
        ),
        (
            "多久确认一次",
            "监督期间工作人员定时确认您在场,间隔与刷脸的学员相同;两次确认之间的学习时间计入学时。",
        ),
        ("记录什么", "只记录由谁、在什么时间确认了您在场。实时视频不录像、不截图,不采集人脸特征。"),
        ("有没有影响", "没有。学时、考试、证明和费用与刷脸的学员完全一样,证明上也不作区分。"),
        ("能不能更换", "可以。随时可以改为刷脸,或在刷脸以后再改回来,已计入的学时不变。"),
    ),
    agree="不刷脸,请工作人员监督",
    decline="不需要监督",
)

CURRENT = {
    FACE: FACE_CONSENT,
    FACE_SEARCH: FACE_SEARCH_CONSENT,
    PHOTO_TO_SOURCE: PHOTO_CONSENT,
    SUPERVISED: SUPERVISED_TEXT,
}


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
