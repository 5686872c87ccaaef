"""What this library raises: each refusal has a stable reason and a Chinese sentence that says what to do.

The sentences are fixed: nothing that a browser or a platform sent is ever put into one, so neither a
page nor a log that shows them can leak personal data or carry markup.
"""

_REOPEN = "请返回学习平台，重新打开课程。"
_ADMIN = "请联系学习平台管理员。"

# reason → (HTTP status, what the person reads). One table: a test holds each to its sentence.
REFUSALS: dict[str, tuple[int, str]] = {
    # the request itself
    "parameter_repeated": (400, f"请求中有重复的参数。{_REOPEN}"),
    "parameter_missing": (400, f"请求不完整，缺少必要的参数。{_REOPEN}"),
    "parameter_too_long": (400, f"请求中的参数过长。{_REOPEN}"),
    "form_expected": (415, f"请求格式不正确。{_REOPEN}"),
    "request_too_large": (413, f"请求内容过大。{_REOPEN}"),
    "method_not_allowed": (405, f"请勿直接打开此地址。{_REOPEN}"),
    # login initiation
    "issuer_unknown": (403, f"该学习平台尚未在本系统登记。{_ADMIN}"),
    "client_id_ambiguous": (400, f"学习平台登记了多个客户端，但请求未说明是哪一个。{_ADMIN}"),
    "client_id_unknown": (403, f"该客户端编号尚未登记。{_ADMIN}"),
    "issuer_moved": (403, "该学习平台已迁移到新地址，原地址不再接受。请从学习平台的新地址打开课程。"),
    "registration_disabled": (403, "该学习平台的登记已停用。请联系培训机构管理员。"),
    "target_link_uri_foreign": (400, f"课程链接不属于本系统。{_ADMIN}"),
    "insecure_transport": (403, f"正式使用必须通过加密连接（HTTPS）访问。{_ADMIN}"),
    # coming back from the platform
    "platform_login_required": (401, "您在学习平台的登录已失效。请先登录学习平台，再重新打开课程。"),
    "platform_refused": (403, f"学习平台没有批准本次进入。请稍后重试；仍不能进入的，{_ADMIN}"),
    "state_missing": (400, f"登录请求不完整。{_REOPEN}"),
    "state_unknown": (401, f"本次登录请求已失效或已使用过。{_REOPEN}"),
    "browser_mismatch": (
        401,
        "无法确认是同一个浏览器发起的登录。请允许浏览器使用 Cookie，或改在新窗口中打开课程，然后重试。",
    ),
    # the token as a signed document
    "token_missing": (400, f"学习平台没有发来身份凭证。{_REOPEN}"),
    "token_too_large": (413, f"身份凭证过大。{_ADMIN}"),
    "token_malformed": (400, f"身份凭证格式不正确。{_ADMIN}"),
    "token_type_wrong": (401, f"身份凭证的用途不符。{_ADMIN}"),
    "alg_not_allowed": (401, f"身份凭证的签名算法与登记的不一致。{_ADMIN}"),
    "kid_missing": (401, f"身份凭证没有注明签名密钥。{_ADMIN}"),
    "kid_unknown": (401, f"找不到身份凭证所用的签名密钥。请稍后重试；仍不能进入的，{_ADMIN}"),
    "key_unusable": (401, f"学习平台公布的签名密钥不符合安全要求。{_ADMIN}"),
    "signature_invalid": (401, f"身份凭证的签名无效。{_REOPEN}"),
    "platform_keys_unavailable": (503, f"暂时无法取得学习平台的公钥。请稍后重试；仍不能进入的，{_ADMIN}"),
    # what the token says
    "issuer_mismatch": (401, f"身份凭证不是由发起登录的学习平台签发的。{_REOPEN}"),
    "audience_mismatch": (401, f"身份凭证不是签发给本系统的。{_ADMIN}"),
    "azp_mismatch": (401, f"身份凭证的授权对象不是本系统。{_ADMIN}"),
    "exp_missing": (401, f"身份凭证没有注明有效期。{_ADMIN}"),
    "iat_missing": (401, f"身份凭证没有注明签发时间。{_ADMIN}"),
    "token_expired": (401, f"身份凭证已过期。{_REOPEN}"),
    "token_too_old": (401, f"身份凭证签发时间过久。{_REOPEN}"),
    "token_from_future": (401, f"身份凭证的签发时间晚于当前时间，学习平台的时钟可能不准。{_ADMIN}"),
    "nonce_missing": (401, f"身份凭证缺少一次性随机数。{_ADMIN}"),
    "nonce_mismatch": (401, f"身份凭证与本次登录请求不对应。{_REOPEN}"),
    "jti_missing": (400, f"凭证缺少唯一编号。{_ADMIN}"),
    "version_unsupported": (400, f"只支持 LTI 1.3.0 版本。{_ADMIN}"),
    "message_type_missing": (400, f"身份凭证没有注明消息类型。{_ADMIN}"),
    "message_type_unsupported": (400, f"暂不支持这种类型的进入方式。{_ADMIN}"),
    "deployment_id_missing": (400, f"身份凭证缺少部署编号。{_ADMIN}"),
    "deployment_id_invalid": (400, f"身份凭证的部署编号格式不正确。{_ADMIN}"),
    "deployment_unknown": (403, "该部署尚未获批准。请联系培训机构管理员批准后再进入。"),
    "target_link_uri_missing": (400, f"身份凭证缺少课程链接。{_ADMIN}"),
    "target_link_uri_mismatch": (401, f"身份凭证中的课程链接与登录时的不一致。{_REOPEN}"),
    "roles_missing": (400, f"身份凭证没有注明角色。{_ADMIN}"),
    "roles_malformed": (400, f"身份凭证的角色格式不正确。{_ADMIN}"),
    "resource_link_missing": (400, f"身份凭证没有注明课程入口。{_ADMIN}"),
    "sub_missing": (403, "学习平台没有说明您是谁，不能匿名学习。请用本人账号登录学习平台后重试。"),
    "sub_invalid": (400, f"身份凭证的用户编号格式不正确。{_ADMIN}"),
    "claim_malformed": (400, f"身份凭证中有格式不正确的内容。{_ADMIN}"),
    # what one type of message says beside
    "message_type_mixed": (400, f"身份凭证中混有其他类型消息的内容。{_ADMIN}"),
    "deep_linking_settings_invalid": (400, f"选择内容的请求缺少设置或设置的格式不正确。{_ADMIN}"),
    "deep_link_return_url_invalid": (400, f"选择内容的请求没有注明返回地址或地址格式不正确。{_ADMIN}"),
    "deep_link_return_url_foreign": (403, f"选择内容后的返回地址不属于该学习平台，未予接受。{_ADMIN}"),
    "accept_types_invalid": (400, f"选择内容的请求没有注明可接受的内容类型。{_ADMIN}"),
    "document_targets_invalid": (400, f"选择内容的请求没有注明可接受的打开方式。{_ADMIN}"),
    "for_user_invalid": (400, f"查看作业的请求没有注明是哪位学员。{_ADMIN}"),
    "for_user_foreign": (403, "学员只能查看本人的作业。需要查看他人作业的，请用教师账号登录学习平台。"),
    "lineitem_invalid": (400, f"查看作业的请求没有注明是哪个成绩项。{_ADMIN}"),
    "start_assessment_url_invalid": (400, f"监考请求没有注明开考地址或地址格式不正确。{_ADMIN}"),
    "start_assessment_url_foreign": (403, f"监考请求的开考地址不属于该学习平台，未予接受。{_ADMIN}"),
    "session_data_invalid": (400, f"监考请求缺少会话数据或格式不正确。{_ADMIN}"),
    "attempt_number_invalid": (400, f"监考请求没有注明第几次考试或格式不正确。{_ADMIN}"),
    "assessment_control_invalid": (400, f"监考请求中考试控制服务的格式不正确。{_ADMIN}"),
    "proctoring_settings_invalid": (400, f"监考请求中监考设置的格式不正确。{_ADMIN}"),
    # what the tool sends back through the browser
    "return_url_foreign": (403, f"返回地址不属于该学习平台，没有发送任何内容。{_ADMIN}"),
    "content_items_too_many": (422, "学习平台这次不接受这么多项内容。请少选几项后重试。"),
    "content_type_not_accepted": (
        422,
        "学习平台不接受这种类型的内容。请选择其他内容，或联系学习平台管理员。",
    ),
    "content_item_invalid": (422, "所选内容的标题或网址不正确。请更正后重试。"),
    "content_item_foreign": (422, "所选内容的网址不属于本系统。请更正后重试。"),
    "lineitem_not_accepted": (
        422,
        "学习平台不接受随内容建立成绩项。请选择不带成绩的内容，或联系学习平台管理员。",
    ),
    "document_target_not_accepted": (422, "学习平台不支持这种打开方式。请选择其他打开方式后重试。"),
    # notices
    "notices_malformed": (400, f"通知的格式不正确。{_ADMIN}"),
    "notices_too_many": (413, f"一次发来的通知过多。{_ADMIN}"),
    "notice_missing": (400, f"凭证中没有通知，或通知缺少编号、类型、时间。{_ADMIN}"),
}

# reason → (may succeed when tried again, what the operator reads).
SERVICE_FAILURES: dict[str, tuple[bool, str]] = {
    "address_refused": (
        False,
        "目标地址是内网或本机地址，且该登记未允许访问。请核对平台登记，或将该主机加入允许名单。",
    ),
    "host_not_found": (True, "找不到学习平台的主机名。请核对平台登记的网址和本机的域名解析。"),
    "https_required": (False, "学习平台的服务地址必须使用 HTTPS。请核对平台登记。"),
    "url_invalid": (False, "学习平台的服务地址格式不正确。请核对平台登记。"),
    "service_host_foreign": (False, "服务地址不属于已登记的学习平台，未发送任何内容。请核对平台登记。"),
    "redirect_refused": (False, "学习平台的服务地址要求跳转，出于安全未跟随。请登记跳转后的最终地址。"),
    "reply_too_large": (False, "学习平台的答复过大，已停止接收。请联系学习平台管理员。"),
    "reply_not_json": (False, "学习平台的答复不是有效的 JSON。请核对登记的地址是否正确。"),
    "platform_slow": (True, "学习平台答复太慢，已停止等待。稍后会重试。"),
    "platform_unreachable": (True, "无法连接学习平台。稍后会重试。"),
    "platform_error": (True, "学习平台暂时出错。稍后会重试。"),
    "token_refused": (False, "学习平台没有发放服务令牌。请核对客户端编号、本系统的公钥地址和所申请的权限。"),
    "score_refused": (False, "学习平台没有接受成绩。请核对成绩项是否存在、用户是否仍在课程中。"),
    "request_refused": (False, "学习平台拒绝了请求。请核对平台登记和所授权限。"),
    "scope_missing": (
        False,
        "学习平台没有授予所需服务的权限。请在学习平台的工具设置中开启成绩服务和成员名单服务。",
    ),
    "certificate_refused": (
        True,
        "学习平台的 HTTPS 证书不可信或已过期。请更新证书，或在本系统中加入签发该证书的根证书。",
    ),
    "paging_loop": (False, "学习平台的分页地址循环往复，已停止读取。请联系学习平台管理员。"),
    "paging_too_long": (
        False,
        "学习平台的分页数据超出上限，已停止读取，未采用任何内容。请联系学习平台管理员。",
    ),
    "line_item_refused": (False, "学习平台没有接受对成绩项的操作。请核对工具设置是否允许管理成绩项。"),
    "line_item_missing": (False, "学习平台没有提供可用的成绩项。请在学习平台为该活动开启成绩。"),
    "results_refused": (False, "学习平台没有允许读取成绩。请核对成绩项是否存在和所授权限。"),
    "roster_refused": (False, "学习平台没有允许读取成员名单。请在学习平台的工具设置中开启成员名单服务。"),
    "control_not_offered": (
        False,
        "学习平台没有提供这种考试控制操作，未发送任何内容。请在学习平台的监考设置中开启。",
    ),
    "control_refused": (False, "学习平台没有接受考试控制操作。请核对考试是否仍在进行和所授权限。"),
    "notice_type_not_offered": (
        False,
        "学习平台不提供这种通知，未发送任何内容。请在学习平台的工具设置中开启。",
    ),
    "notice_handler_refused": (
        False,
        "学习平台没有接受通知地址的登记。请在学习平台的工具设置中开启通知服务。",
    ),
    # dynamic registration
    "registration_link_malformed": (False, "登记链接不完整或格式不正确。请在学习平台重新打开登记链接。"),
    "configuration_malformed": (False, "学习平台公布的配置不完整或格式不正确。请联系学习平台管理员。"),
    "configuration_foreign": (
        False,
        "学习平台公布的签发者与配置地址不属于同一网站，可能是冒充，未登记。请核对登记链接的来源。",
    ),
    "algorithm_unsupported": (False, "学习平台不支持本系统接受的签名算法，不能登记。请联系学习平台管理员。"),
    "registration_refused": (
        False,
        "学习平台没有接受登记。登记链接可能已使用过或已超过有效期，请在学习平台重新生成后再试。",
    ),
    "registration_reply_malformed": (
        False,
        "学习平台对登记的答复不完整。请在学习平台删除这条登记后重试。",
    ),
}


class LtiError(Exception):
    """Base of all errors of this library; `reason` is stable, `message_zh` says what to do."""

    def __init__(self, reason: str, message_zh: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.message_zh = message_zh


class LaunchRefused(LtiError):
    """A login, a launch or a signed document is not believed; `http_status` is the answer to give (4xx, 503).

    Raises:
        KeyError: `reason` is not in `REFUSALS` (a fault of this library).
    """

    def __init__(self, reason: str) -> None:
        self.http_status, message_zh = REFUSALS[reason]
        super().__init__(reason, message_zh)


class DeploymentUnknown(LaunchRefused):
    """A launch is right in all else, but its deployment is not approved yet.

    The platform's signature has been verified, so the application may list the pair for approval.
    """

    def __init__(self, registration_id: str, deployment_id: str) -> None:
        super().__init__("deployment_unknown")
        self.registration_id = registration_id
        self.deployment_id = deployment_id


class ServiceFailed(LtiError):
    """A call to a platform did not do its part; only `permanent=False` is worth another try.

    Args:
        status: of the answer, if there was one.
        retry_after_seconds: how long the platform asks to be left alone; a hint, 0 or more.
    """

    def __init__(
        self, reason: str, *, status: int | None = None, retry_after_seconds: int | None = None
    ) -> None:
        retry, message_zh = SERVICE_FAILURES[reason]
        self.permanent = not retry
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        super().__init__(reason, message_zh)
