"""Whether one value follows its schema, and which field does not."""

import numpy as np

from topics.compiled import fault_of
from topics.layout import Layout


def fault(value: bytes, start: int, layout: Layout) -> tuple[int, str]:
    """Why value[start:] is not exactly one record of `layout`, and the field at fault: (OK, "") if it is one."""
    status, index = fault_of(np.frombuffer(value, np.uint8), start, layout.nodes, layout.children)
    return int(status), layout.fields[index] if index >= 0 else ""
