"""Makes feed.xsd of a version from its mapping: `python -m plugins.reporting.guangdong.make_schema 2.0`."""

import sys
from xml.sax.saxutils import escape

from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.mapping import FeedMapping, Shape, mappings

_HEADER = (
    ("PlatformCode", "Code", "网络平台代码"),
    ("CityCode", "DivisionCode", "地市代码"),
    ("InstitutionUscc", "Uscc", "机构统一社会信用代码"),
    ("BatchId", "Code", "批次编号"),
    ("CreatedAt", "Instant", "生成时间"),
    ("RecordCount", "Count", "记录条数"),
    ("Digest", "Sha256", "记录摘要"),
)


def feed_schema(mapping: FeedMapping) -> str:
    """Return the schema of the version; the types that it names stand in types.xsd beside it."""
    shapes = [*mapping.shapes.values(), *([] if mapping.withdrawal is None else [mapping.withdrawal])]
    version = mapping.version
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"',
        f'           xmlns="{mapping.namespace}"',
        f'           targetNamespace="{mapping.namespace}"',
        f'           elementFormDefault="qualified" version="{version}">',
        "",
        "  <xs:annotation>",
        '    <xs:documentation xml:lang="zh">',
        f"      安学桥向省级监管平台报送的批次,第 {version} 版,{mapping.valid_from} 起使用。省级平台的正式接口未见公布,"
        "本结构为安学桥的建议(惯例,非法规)。",
        "      业务键:机构 + 学员 + 班次 + 记录种类和编号 + 版次;同一键只处理一次。批次不超过 1000 条记录。",
        "      Digest 是 Records 元素按 Exclusive XML Canonicalization 1.0 规范化后的 SHA-256。",
        "      Signature 是对整个批次的 XML-DSig 封内签名。本文件由 mappings 生成,请勿手改。",
        "    </xs:documentation>",
        "  </xs:annotation>",
        '  <xs:include schemaLocation="types.xsd"/>',
        "",
        '  <xs:element name="Batch">',
        "    <xs:complexType>",
        "      <xs:sequence>",
        f"        {_element('Header', 'Header', '批次头')}",
        f"        {_element('Records', 'Records', '记录')}",
        '        <xs:any namespace="http://www.w3.org/2000/09/xmldsig#" processContents="skip" minOccurs="0"/>',
        "      </xs:sequence>",
        "    </xs:complexType>",
        "  </xs:element>",
        "",
        '  <xs:complexType name="Header">',
        "    <xs:sequence>",
        f'      <xs:element name="SchemaVersion" fixed="{version}" type="xs:string">{_label("结构版本")}</xs:element>',
        *(f"      {_element(*one)}" for one in _HEADER),
        "    </xs:sequence>",
        "  </xs:complexType>",
        "",
        '  <xs:complexType name="Records">',
        '    <xs:choice minOccurs="1" maxOccurs="unbounded">',
        *(f"      {_element(shape.element, shape.element, shape.label)}" for shape in shapes),
        "    </xs:choice>",
        "  </xs:complexType>",
    ]
    for shape in shapes:
        lines += _type(shape)
    return "\n".join([*lines, "</xs:schema>", ""])


def _type(shape: Shape) -> list[str]:
    return [
        "",
        f'  <xs:complexType name="{shape.element}">',
        "    <xs:complexContent>",
        '      <xs:extension base="Record">',
        "        <xs:sequence>",
        *(
            f"          {_element(field.name, field.type, field.label, optional=field.optional)}"
            for field in shape.fields
        ),
        "        </xs:sequence>",
        "      </xs:extension>",
        "    </xs:complexContent>",
        "  </xs:complexType>",
    ]


def _element(name: str, type_: str, label: str, *, optional: bool = False) -> str:
    least = ' minOccurs="0"' if optional else ""
    return f'<xs:element name="{name}" type="{type_}"{least}>{_label(label)}</xs:element>'


def _label(label: str) -> str:
    return f"<xs:annotation><xs:documentation>{escape(label)}</xs:documentation></xs:annotation>"


if __name__ == "__main__":
    asked = sys.argv[1]
    (safe_xml.SCHEMAS / asked / "feed.xsd").write_text(feed_schema(mappings()[asked]), encoding="utf-8")
