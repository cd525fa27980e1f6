"""A recording holds what was put in, and shows whatever was done to it."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.recording import About, Raw, Recording, RecordingError, RecordingWriter, framed, unframed

ABOUT = About(from_ms=1, to_ms=2, partitions={"surge.v1": 1}, code="0")
MAYBE = st.none() | st.binary(max_size=30)
RAWS = st.lists(
    st.builds(
        Raw,
        st.integers(0, 2**60),
        st.integers(0, 2**60),
        MAYBE,
        MAYBE,
        st.lists(st.tuples(st.text(max_size=9), MAYBE), max_size=3).map(tuple),
    )
)


def written(path, records):
    with RecordingWriter(path) as writer:
        writer.add("surge.v1", 0, records)
        writer.finish(ABOUT, {7: '"string"'})
    return path


@given(RAWS)
def test_records_come_back_as_they_were(records):
    """Nulls, empty bytes and headers included."""
    stream = io.BytesIO(b"".join(map(framed, records)))
    assert list(unframed(stream)) == records


@given(RAWS.filter(bool), st.data())
def test_a_stream_cut_anywhere_is_noticed(records, data):
    """Every cut that does not fall between two records is an error."""
    whole = b"".join(map(framed, records))
    ends = {sum(len(framed(one)) for one in records[:count]) for count in range(len(records) + 1)}
    cut = data.draw(st.integers(0, len(whole) - 1).filter(lambda at: at not in ends))
    with pytest.raises(RecordingError, match="cut short"):
        list(unframed(io.BytesIO(whole[:cut])))


def test_a_recording_is_whole_or_not_there(tmp_path):
    """A writer that fails leaves nothing behind."""
    with pytest.raises(ZeroDivisionError), RecordingWriter(tmp_path / "r") as writer:
        writer.add("surge.v1", 0, (Raw(0, 0, None, None) for _ in [1 // 0]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["topics/surge.v1/0", "schemas/7.json"])
def test_a_member_that_was_altered_is_named(tmp_path, name):
    """One byte is enough, wherever it is; the sentence names the member."""
    path = written(tmp_path / "r", [Raw(0, 5, b"k", b"value", ())])
    Recording(path).check()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "altered", "w") as new:
        for one in old.namelist():
            body = bytearray(old.read(one))
            if one == name:
                body[-1] ^= 1
            new.writestr(one, bytes(body))
    with pytest.raises(RecordingError, match=name):
        Recording(tmp_path / "altered").check()


@pytest.mark.parametrize("kept", [0, 40, -30])
def test_a_file_that_is_cut_short_is_refused(tmp_path, kept):
    """An empty file, a beginning, and all but the end."""
    path = written(tmp_path / "r", [Raw(0, 5, b"k", b"value", ())])
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RecordingError, match="is no recording, or was cut short"):
        Recording(path)
