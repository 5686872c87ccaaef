"""What people read of platforms: states, fields and warnings in Chinese; the same on pages and command line."""

from datetime import datetime

from bridge.kernel.time import LEGAL_ZONE
from bridge.registry.lti_model import Platform, PlatformWarning

STEP_ZH = {
    "jwks": "公钥",
    "clock": "时钟",
    "token": "服务令牌",
    "ags": "成绩服务",
    "nrps": "成员名单",
    "privacy": "个人信息",
}
"""Steps of the connection test (`lti.connection_test.Finding.step`)."""
DEPLOYMENT_STATUS_ZH = {"pending": "待批准", "approved": "已批准", "refused": "已拒绝"}
KEY_STATE_ZH = {
    "planned": "尚未公布",
    "published": "已公布,尚未启用",
    "signing": "正在签名",
    "retired": "已停用,仍在公布",
    "gone": "已失效",
}
ADDRESS_ZH = {
    "issuer": "平台标识(issuer)",
    "client_id": "客户端编号",
    "auth_login_url": "身份验证请求地址",
    "auth_token_url": "访问令牌地址",
    "jwks_url": "公钥集地址",
    "allowed_origin": "学习平台网页的来源",
    "token_audience": "令牌请求的 aud",
    "service_origins": "服务所在的其他来源",
}
_WARNING_ZH = {
    "email": "学习平台进入时发来了邮箱,已丢弃;请在学习平台的工具设置中将“共享邮箱”设为“从不”。",
    "contact": "学习平台进入时发来了电话、地址或头像等联系方式,已丢弃;请在学习平台的工具设置中关闭。",
    "citizen_id": "学习平台进入时发来了身份证号码(作为账号或编号),安学桥不显示也不以明文记录;"
    "请改用工号等不含身份证号的编号。",
}


def status_words(platform: Platform) -> str:
    """Return how the platform stands, in a few words."""
    if platform.status == "active":
        return "已连通" if platform.first_launch_at is not None else "已启用,还没有人进入"
    return "已停用" if platform.status == "disabled" else "等待首次进入"


def warning_sentence(warning: PlatformWarning) -> str:
    """Return what a warning says, how often it was met, and when last; it never says what was sent."""
    return f"{_WARNING_ZH[warning.kind]}共 {warning.count} 次,最近一次 {beijing(warning.last_at)}。"


def beijing(instant: datetime) -> str:
    """Return the instant in Asia/Shanghai, to the minute."""
    return instant.astimezone(LEGAL_ZONE).strftime("%Y-%m-%d %H:%M")
