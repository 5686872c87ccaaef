"""Runs in the peer's environment: has veraPDF judge files against PDF/A-2b; one line of JSON each. No import of ours.

    python judge.py JAR[:JAR…] FILE…

The first line names veraPDF's parts and their versions. JPype starts the Java that the machine has.
"""

import json
import sys
from typing import Any

_FACTORY = "-Djavax.xml.bind.JAXBContextFactory=com.sun.xml.bind.v2.ContextFactory"
"""Which JAXB reads veraPDF's profiles: the jar brings the interface alone."""
_MOST_FAULTS = 5


def main(jars: str, files: list[str]) -> None:
    """Print what veraPDF says of each file."""
    import jpype  # type: ignore[import-not-found]  # of the peer's environment

    jpype.startJVM("-Xmx512m", "-XX:TieredStopAtLevel=1", _FACTORY, classpath=jars.split(":"))
    jpype.JClass("java.util.logging.LogManager").getLogManager().reset()
    thread = jpype.JClass("java.lang.Thread").currentThread()
    thread.setContextClassLoader(jpype.JClass("java.lang.ClassLoader").getSystemClassLoader())
    jpype.JClass("org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider").initialise()
    releases = jpype.JClass("org.verapdf.ReleaseDetails")
    releases.addDetailsFromResource("org/verapdf/release/validation-model.properties")
    _say({str(one.getId()): str(one.getVersion()) for one in releases.getDetails()})
    foundry = jpype.JClass("org.verapdf.pdfa.Foundries").defaultInstance()
    flavour = jpype.JClass("org.verapdf.pdfa.flavours.PDFAFlavour").PDFA_2_B
    for name in files:
        stream = jpype.JClass("java.io.FileInputStream")(name)
        try:
            parser = foundry.createParser(stream, flavour)
            result = foundry.createValidator(flavour, False).validate(parser)
        except jpype.JException as error:
            _say(
                {
                    "file": name,
                    "compliant": False,
                    "checks": 0,
                    "faults": [[str(error.getClass().getName()), ""]],
                }
            )
            continue
        finally:
            stream.close()
        failed = [one for one in result.getTestAssertions() if str(one.getStatus().name()) == "FAILED"]
        rules = {f"{one.getRuleId().getClause()}-{one.getRuleId().getTestNumber()}": one for one in failed}
        _say(
            {
                "file": name,
                "compliant": bool(result.isCompliant()),
                "checks": int(result.getTotalAssertions()),
                "faults": [[rule, str(one.getMessage())] for rule, one in sorted(rules.items())][
                    :_MOST_FAULTS
                ],
            }
        )


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what, ensure_ascii=False), flush=True)  # noqa: T201 - this script's answer


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
