"""Finds plugins by name. `bridge` never imports `plugins`; what is named here is looked up when it is needed."""

import importlib
from typing import Any

from bridge.kernel.errors import Unavailable

PLUGINS = {
    "face": "plugins.presence.engines:open_engine",
    "frame_marks": "plugins.presence.frame_marks:PixelMarks",
    "face_pack": "plugins.presence.pack:load_pack",
    "face_index": "plugins.presence.face_index:make_face_index",
    "real_name.roster": "plugins.identity.roster:RosterProvider",
    "real_name.remote": "plugins.identity.providers:make_provider",
    "province_login": "plugins.identity.oauth2_login:OAuth2Login",
    "blobs.local_folder": "plugins.storage.local_folder:LocalFolderBlobs",
    "blobs.s3": "plugins.storage.s3_bucket:S3BucketBlobs",
    "master_key.kms": "plugins.keys.signed_http_kms:open_kms",
    "materials.local_folder": "plugins.storage.material_folder:MaterialFolder",
    "materials.pdf_pages": "plugins.materials.pdf_pages:PdfPages",
    "printer.typst": "plugins.completion.typst_pdf:TypstPrinter",
    "printer.template": "plugins.completion.typst_pdf:TEMPLATE",
    "printer.template_check": "plugins.completion.template_check:check_template",
    "seals.pades": "plugins.completion.pades_seal:open_seals",
    "signatures.pdf": "plugins.completion.pdf_signatures:read_signatures",
    "picture.paper": "plugins.completion.paper_picture:draw_paper",
    "bag.bagit": "plugins.archive.bagit_bag:BagitBag",
    "sheets.typst": "plugins.archive.typst_sheets:TypstSheets",
    "handover.jwe": "plugins.archive.jwe_parts:JweParts",
    "reporting.guangdong": "plugins.reporting.guangdong.batch_xml:GuangdongBatches",
    "exam_grants.moodle": "plugins.lms.moodle_grants:MoodleGrants",
    "learner_states.moodle": "plugins.lms.moodle_learner_states:MoodleLearnerStates",
    "lms_scores.moodle": "plugins.lms.moodle_scores:MoodleScores",
    "signer.guangdong": "plugins.reporting.guangdong.signing:make_signer",
    "nightly.guangdong": "plugins.reporting.guangdong.nightly:write_nightly",
    "bundle.guangdong": "plugins.reporting.guangdong.bundle:make_bundle",
    "feed.guangdong": "plugins.reporting.guangdong.http_feed:HttpFeed",
    "bench.face": "plugins.presence.bench:run",
    "bench.face-search": "plugins.presence.search_bench:run",
    "bench.certificate": "plugins.completion.bench:run",
    "bench.feed": "plugins.reporting.guangdong.bench:run",
    "commands.face": "plugins.presence.commands:face",
    "acceptance.moodle": "plugins.moodle.acceptance.command:moodle",
    "acceptance.xapi": "plugins.lrs_conformance.command:xapi",
    "acceptance.regulator": "plugins.reporting.rehearsal.command:regulator",
    "acceptance.cmi5": "plugins.cmi5_conformance.command:cmi5",
    "acceptance.certificates": "plugins.pdfa_conformance.command:certificates",
    "acceptance.bagit": "plugins.bagit_conformance.command:bagit",
    "demonstration": "plugins.simulators.demonstration.command:demo",
    "attack": "plugins.simulators.attack.command:attack",
    "capacity": "plugins.simulators.capacity.command:capacity",
    "simulators": "plugins.simulators.command:simulate",
    "photographs": "plugins.presence.photographs",
    "puppet": "plugins.simulators.demonstration.cameras:Puppet",
}
"""Name → where it stands, module:attribute."""


def load(name: str) -> Any:
    """Return the plugin.

    Raises:
        Unavailable("plugin_missing"): permanent; names the plugin and what could not be imported.
    """
    where = PLUGINS.get(name)
    if where is None:
        raise Unavailable("plugin_missing", f"没有名为 {name} 的插件,请检查设置。", permanent=True)
    module, _, attribute = where.partition(":")
    try:
        found = importlib.import_module(module)
        return getattr(found, attribute) if attribute else found
    except (ImportError, AttributeError) as error:
        missing = getattr(error, "name", None) or attribute
        raise Unavailable(
            "plugin_missing",
            f"插件 {name} 无法加载(缺少 {missing}),请重新运行 ./anxue 完成安装。",
            permanent=True,
        ) from error
