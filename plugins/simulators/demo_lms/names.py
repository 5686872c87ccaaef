"""Names of the LTI standards that several parts of the simulator use."""

LTI = "https://purl.imsglobal.org/spec/lti/claim/"
LTI_AP = "https://purl.imsglobal.org/spec/lti-ap/claim/"
LTI_DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"
LTI_AGS = "https://purl.imsglobal.org/spec/lti-ags/claim/"

NRPS_CLAIM = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"

_AGS_SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/"
SCORE_SCOPE = f"{_AGS_SCOPE}score"
RESULT_SCOPE = f"{_AGS_SCOPE}result.readonly"
LINE_ITEM_SCOPE = f"{_AGS_SCOPE}lineitem"
LINE_ITEM_READ_SCOPE = f"{_AGS_SCOPE}lineitem.readonly"
ROSTER_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
CONTROL_SCOPE = "https://purl.imsglobal.org/spec/lti-ap/scope/control.all"
NOTICE_SCOPE = "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"
AGS_SCOPES = (SCORE_SCOPE, LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE, RESULT_SCOPE)
OFFERED_SCOPES = frozenset({*AGS_SCOPES, ROSTER_SCOPE, CONTROL_SCOPE, NOTICE_SCOPE})

NOTICE = f"{LTI}notice"
NOTICE_SERVICE = f"{LTI}platformnotificationservice"
ORIGIN_CONTEXTS = f"{LTI}origin_contexts"
HELLO_NOTICE, COPY_NOTICE = "LtiHelloWorldNotice", "LtiContextCopyNotice"
NOTICE_TYPES = (HELLO_NOTICE, COPY_NOTICE)

MESSAGE_TYPE = f"{LTI}message_type"
VERSION = f"{LTI}version"
DEPLOYMENT_ID = f"{LTI}deployment_id"
TARGET_LINK_URI = f"{LTI}target_link_uri"
ROLES = f"{LTI}roles"
RESOURCE_LINK = f"{LTI}resource_link"
CONTEXT = f"{LTI}context"
CUSTOM = f"{LTI}custom"
LAUNCH_PRESENTATION = f"{LTI}launch_presentation"
FOR_USER = f"{LTI}for_user"
AGS_ENDPOINT = f"{LTI_AGS}endpoint"
DL_SETTINGS = f"{LTI_DL}deep_linking_settings"
START_URL = f"{LTI_AP}start_assessment_url"
SESSION_DATA = f"{LTI_AP}session_data"
END_RETURN = f"{LTI_AP}end_assessment_return"
ERROR_MESSAGE = f"{LTI_AP}errormsg"
VERIFIED_USER = f"{LTI_AP}verified_user"
CONTENT_ITEMS = f"{LTI_DL}content_items"
DL_DATA = f"{LTI_DL}data"
ATTEMPT_NUMBER = f"{LTI_AP}attempt_number"
ACS = f"{LTI_AP}acs"

_VOCABULARY = "http://purl.imsglobal.org/vocab/lis/v2/"
MEMBERSHIP = f"{_VOCABULARY}membership#"
INSTITUTION = f"{_VOCABULARY}institution/person#"
SYSTEM = f"{_VOCABULARY}system/person#"
LEARNER = [f"{MEMBERSHIP}Learner"]
TEACHER = [f"{MEMBERSHIP}Instructor"]
