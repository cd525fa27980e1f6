"""Whether records of one schema can be read as another: Avro's resolution rules, applied to schemas alone.

After the specification, "Schema Resolution", with one rule more: a reader's enum must have a default, as must each
field the writer lacks. FULL_TRANSITIVE means that this holds both ways between any two versions.
"""

WIDER = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


def unreadable(writer, reader, where="", known=None):
    """What of `writer`'s records a reader with `reader` cannot read, as sentences; empty if it can read all."""
    known = known or ({}, {})
    writer, reader = (_resolved(node, names) for node, names in zip((writer, reader), known, strict=True))
    if isinstance(writer, list):
        return [found for branch in writer for found in unreadable(branch, reader, where, known)]
    if isinstance(reader, list):
        tried = [unreadable(writer, branch, where, known) for branch in reader]
        return [] if [] in tried else [f"{where}: {_kind(writer)} is none of {[_kind(branch) for branch in reader]}"]
    if _kind(writer) != _kind(reader):
        ok = _kind(reader) in WIDER.get(_kind(writer), ())
        return [] if ok else [f"{where}: {_kind(writer)} cannot be read as {_kind(reader)}"]
    if isinstance(writer, str) or isinstance(reader, str):
        return []
    if writer.get("name") != reader.get("name"):
        return [f"{where}: {writer.get('name')} is not {reader.get('name')}"]
    match _kind(writer):
        case "record":
            return _fields(writer, reader, where, known)
        case "enum":
            lost = set(writer["symbols"]) - set(reader["symbols"])
            return [f"{where}: no default for {sorted(lost)}"] if lost and "default" not in reader else []
        case "array":
            return unreadable(writer["items"], reader["items"], f"{where}[]", known)
        case "map":
            return unreadable(writer["values"], reader["values"], f"{where}{{}}", known)
    return []


def _fields(writer, reader, where, known):
    written = {field["name"]: field for field in writer["fields"]}
    found = []
    for field in reader["fields"]:
        path = f"{where}.{field['name']}"
        if field["name"] in written:
            found += unreadable(written[field["name"]]["type"], field["type"], path, known)
        elif "default" not in field:
            found.append(f"{path}: not written and without default")
    return found


def _kind(node):
    return node if isinstance(node, str) else "union" if isinstance(node, list) else node["type"]


def _resolved(node, names):
    """A type given by name as its definition; definitions are remembered on the way."""
    if isinstance(node, dict) and "name" in node:
        names[node["name"]] = node
    return names.get(node, node) if isinstance(node, str) else node
