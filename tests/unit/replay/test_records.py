"""Records of a file come back as they were written, however the file is read."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.records import CutShortError, Raw, packed, unpacked

PARTS = st.none() | st.binary(max_size=40)
RAWS = st.builds(
    Raw,
    st.integers(0, 2**60),
    st.integers(0, 2**60),
    PARTS,
    PARTS,
    st.lists(st.tuples(st.text(max_size=5), PARTS), max_size=3).map(tuple),
)


class InPieces(io.BytesIO):
    """Gives so many bytes at a reading."""

    def __init__(self, content, size):
        super().__init__(content)
        self._size = size

    def read(self, size=-1):
        return super().read(self._size)


@settings(max_examples=60, deadline=None)
@given(st.lists(RAWS, max_size=6), st.integers(1, 60), st.data())
def test_frames_come_back_whole_or_are_told_to_be_cut_short(raws, size, data):
    """Pieces may end inside a frame; a file that does is refused after the records before."""
    content = b"".join(packed(raw) for raw in raws)
    assert list(unpacked(InPieces(content, size))) == raws
    cut = data.draw(st.integers(0, len(content)))
    whole = [index for index in range(len(raws) + 1) if len(b"".join(map(packed, raws[:index]))) <= cut]
    found, at_edge = [], cut == len(b"".join(map(packed, raws[: whole[-1]])))
    try:
        found.extend(unpacked(InPieces(content[:cut], size)))
        assert at_edge
    except CutShortError:
        assert not at_edge
    assert found in ([], raws[: whole[-1]])


def test_a_file_cut_inside_a_header_is_cut_short():
    """Also the last bytes of a record are missed."""
    with pytest.raises(CutShortError):
        list(unpacked(io.BytesIO(packed(Raw(1, 2, b"k", b"v", (("ce_id", b"123"),)))[:-1])))


@pytest.mark.parametrize(
    ("headers", "held"),
    [
        ([("n" * 65_535, b"1"), ("n" * 65_536, b"2"), ("é" * 32_768, b"3"), ("ce_id", None)], [0, 3]),
        ([("n", None)] * 65_536, range(65_535)),
    ],
    ids=["name", "number"],
)
def test_headers_that_a_frame_cannot_say_are_left_out(headers, held):
    """Anybody may write such to a topic; the record is held all the same."""
    raw = Raw(1, 2, b"k", b"v", tuple(headers))
    assert list(unpacked(io.BytesIO(packed(raw)))) == [raw._replace(headers=tuple(headers[at] for at in held))]
