# SPDX-License-Identifier: Apache-2.0
"""A validator for the part of JSON Schema (draft 2020-12) that docs/run-summary.schema.json uses.

A keyword that it does not know is an error, never passed over.
"""

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


class SchemaError(Exception):
    """The schema itself is wrong, or uses what this does not know."""


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name not in TYPES:
        raise SchemaError(f"there is no type {name!r}")
    return isinstance(value, TYPES[name])


def same(value, other):
    """Equal as JSON has it: 1 is not true."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def check_type(value, names, _, __):
    names = [names] if isinstance(names, str) else names
    if not any(is_type(value, name) for name in names):
        yield f"{value!r} is none of {', '.join(names)}"


def check_enum(value, allowed, _, __):
    if not any(same(value, one) for one in allowed):
        yield f"{value!r} is none of {allowed}"


def check_const(value, one, _, __):
    if not same(value, one):
        yield f"{value!r} is not {one!r}"


def check_required(value, names, _, __):
    for name in names if isinstance(value, dict) else ():
        if name not in value:
            yield f"{name} is missing"


def check_properties(value, properties, root, path):
    for name, schema in properties.items() if isinstance(value, dict) else ():
        if name in value:
            yield from problems(value[name], schema, root, f"{path}.{name}")


def check_items(value, schema, root, path):
    for index, item in enumerate(value if isinstance(value, list) else ()):
        yield from problems(item, schema, root, f"{path}[{index}]")


def check_reference(value, pointer, root, path):
    schema = root
    if not pointer.startswith("#/"):
        raise SchemaError(f"{pointer} is not within this file")
    for part in pointer[2:].split("/"):
        if part not in schema:
            raise SchemaError(f"{pointer} is not there")
        schema = schema[part]
    yield from problems(value, schema, root, path)


def bound(measure, fits):
    def check(value, limit, _, __):
        size = measure(value)
        if size is not None and not fits(size, limit):
            yield f"{size} is beyond {limit}"
    return check


def number(value):
    return value if is_type(value, "number") else None


def length(value):
    return len(value) if isinstance(value, list) else None


def nothing(_, __, ___, ____):
    return ()


KEYWORDS = {
    "$schema": nothing, "title": nothing, "$defs": nothing, "$ref": check_reference,
    "type": check_type, "enum": check_enum, "const": check_const,
    "required": check_required, "properties": check_properties, "items": check_items,
    "minimum": bound(number, lambda size, limit: size >= limit),
    "maximum": bound(number, lambda size, limit: size <= limit),
    "minItems": bound(length, lambda size, limit: size >= limit),
    "maxItems": bound(length, lambda size, limit: size <= limit),
}


def problems(value, schema, root=None, path="$"):
    """Sentences about what is wrong with the value; none if it is right."""
    root = schema if root is None else root
    for keyword, rule in schema.items():
        if keyword not in KEYWORDS:
            raise SchemaError(f"{path}: the keyword {keyword} is not known here")
        for problem in KEYWORDS[keyword](value, rule, root, path):
            yield problem if problem.startswith("$") else f"{path}: {problem}"


def unknown_members(value, schema, root=None, path="$"):
    """Members of objects that the schema does not describe: what a reader of it would miss."""
    root = schema if root is None else root
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict) and "properties" in schema:
        for name, item in value.items():
            if name not in schema["properties"]:
                yield f"{path}.{name}"
            else:
                yield from unknown_members(item, schema["properties"][name], root, f"{path}.{name}")
    for index, item in enumerate(value if isinstance(value, list) and "items" in schema else ()):
        yield from unknown_members(item, schema["items"], root, f"{path}[{index}]")
