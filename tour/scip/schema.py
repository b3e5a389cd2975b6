"""The messages of SCIP that an index of ours needs, field by field (``scip.proto``, github.com/sourcegraph/scip).

Names and numbers are those of the public schema; what it has besides (diagnostics, highlighting, …) is left out.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "scip"
_FIELDS = {
    "Index": {
        "metadata": (1, "Metadata"),
        "documents": (2, "*Document"),
        "external_symbols": (3, "*SymbolInformation"),
    },
    "Metadata": {
        "version": (1, "int32"),
        "tool_info": (2, "ToolInfo"),
        "project_root": (3, "string"),
        "text_document_encoding": (4, "int32"),
    },
    "ToolInfo": {"name": (1, "string"), "version": (2, "string"), "arguments": (3, "*string")},
    "Document": {
        "relative_path": (1, "string"),
        "occurrences": (2, "*Occurrence"),
        "symbols": (3, "*SymbolInformation"),
        "language": (4, "string"),
        "text": (5, "string"),
        "position_encoding": (6, "int32"),
    },
    "SymbolInformation": {
        "symbol": (1, "string"),
        "documentation": (3, "*string"),
        "relationships": (4, "*Relationship"),
        "kind": (5, "int32"),
        "display_name": (6, "string"),
        "signature_documentation": (7, "Document"),
        "enclosing_symbol": (8, "string"),
    },
    "Relationship": {
        "symbol": (1, "string"),
        "is_reference": (2, "bool"),
        "is_implementation": (3, "bool"),
        "is_type_definition": (4, "bool"),
        "is_definition": (5, "bool"),
    },
    "Occurrence": {
        "range": (1, "*int32"),
        "symbol": (2, "string"),
        "symbol_roles": (3, "int32"),
        "enclosing_range": (7, "*int32"),
    },
}
"""For each message the number and type of its fields, ``*`` before what repeats. An enumeration is an ``int32`` on the
wire."""

UTF8 = 1
"""``TextEncoding``: of the files on disk."""
UTF32_OFFSETS = 3
"""``PositionEncoding``: columns count characters, as Python does."""


class Role(IntFlag):
    """``SymbolRole``: what an occurrence is."""

    REFERENCE = 0
    DEFINITION = 0x1
    IMPORT = 0x2
    TEST = 0x20
    FORWARD_DEFINITION = 0x40


class SymbolKind(IntEnum):
    """``SymbolInformation.Kind``, those that the index tells apart."""

    UNSPECIFIED = 0
    CLASS = 7
    ENUM = 11
    FILE = 16
    FUNCTION = 17
    MACRO = 25
    METHOD = 26
    MODULE = 29
    OPERATOR = 34
    TYPE_ALIAS = 55
    VARIABLE = 61


def _messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="tour/scip.proto", package=_PACKAGE, syntax="proto3")
    types = descriptor_pb2.FieldDescriptorProto
    for message, fields in _FIELDS.items():
        described = file.message_type.add(name=message)
        for name, (number, told) in fields.items():
            kind = told.lstrip("*")
            field = described.field.add(name=name, number=number)
            field.label = types.LABEL_REPEATED if told.startswith("*") else types.LABEL_OPTIONAL
            if kind in _FIELDS:
                field.type, field.type_name = types.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                field.type = {"string": types.TYPE_STRING, "bool": types.TYPE_BOOL, "int32": types.TYPE_INT32}[kind]
    pool = descriptor_pool.DescriptorPool()  # one of its own: other bindings of the same schema may be in this process
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _FIELDS}


_MADE = _messages()
Index, Metadata, ToolInfo, Document, SymbolInformation, Relationship, Occurrence = map(_MADE.__getitem__, _FIELDS)
