"""What a recording says of itself cannot change without being noticed, and is refused in a sentence if it cannot be."""

import json
import zipfile

import pytest

from infra.cli.exits import CommandError
from infra.cli.replaying.verdicts import verified
from replay.about import HASH, hash_of
from replay.archive import ABOUT, Archive, ArchiveError
from replay.run import RunResult
from tests.unit.replay.recordings import GOLDEN, ran


def said_otherwise(target, change, *, sealed=False):
    """The golden recording with its document as `change` has it, `sealed` anew or left with the hash it had."""
    with zipfile.ZipFile(GOLDEN) as before, zipfile.ZipFile(target, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name == ABOUT:
                document = change(json.loads(content))
                if sealed:
                    document[HASH] = hash_of(document)
                content = json.dumps(document).encode()
            after.writestr(name, content)
    return target


def with_part(**fields):
    """The document with its first part said otherwise."""
    return lambda said: said | {"parts": [said["parts"][0] | fields, *said["parts"][1:]]}


NARROWED = {
    "a span of the last three seconds": lambda said: said | {"from_ms": said["to_ms"] - 3_000},
    "people": lambda said: said | {"pseudonymised": False},
    "another zone": lambda said: said | {"zones": []},
    "another version of the code": lambda said: said | {"code": "9.9.9"},
    "no hash": lambda said: {name: value for name, value in said.items() if name != HASH},
}


@pytest.mark.parametrize("what", NARROWED)
def test_a_document_that_says_otherwise_is_refused(tmp_path, what):
    """Whatever it says is sealed: a span cut to the outputs that come out the same is no proof of anything."""
    file = said_otherwise(tmp_path / "narrowed.faretide", NARROWED[what])
    with pytest.raises(CommandError, match=r"narrowed\.faretide is truncated or altered.* about\.json hashes to"):
        verified(file, as_json=True, processes=1)
    with pytest.raises(ArchiveError, match="altered"):
        Archive.opened(file, check=False)


def test_a_document_laid_out_otherwise_is_the_same(tmp_path):
    """The hash is of what it says, not of its spaces and the order of its names."""
    file = said_otherwise(tmp_path / "same.faretide", lambda said: dict(reversed(said.items())))
    assert Archive.opened(file).about == Archive.opened(GOLDEN).about


BROKEN = {
    "an instant in words": (
        lambda said: said | {"from_ms": "abc"},
        "from_ms must be a whole number of 0 or more, got 'abc'",
    ),
    "an instant that is none": (lambda said: said | {"to_ms": True}, "to_ms must be a whole number"),
    "an empty span": (lambda said: said | {"to_ms": said["from_ms"]}, "from_ms must be before to_ms"),
    "no zones": (lambda said: said | {"zones": None}, "zones must be a list of whole numbers, got None"),
    "no parts": (lambda said: said | {"parts": []}, "parts must name at least one partition"),
    "parts that are none": (lambda said: said | {"parts": ["quotes.v1"]}, "parts must be objects"),
    "a partition in words": (with_part(partition="0"), "partition must be a whole number of 0 or more, got '0'"),
    "a partition that is not held": (with_part(partition=99), "the hash of every partition in parts"),
    "a field nobody knows": (lambda said: said | {"moon": 1}, "about.json has moon, which this version does not know"),
    "a field left out": (
        lambda said: {name: value for name, value in said.items() if name != "code"},
        "about.json lacks code",
    ),
    "no hashes": (lambda said: said | {"sha256": []}, "sha256 must be hashes by name"),
    "partitions in words": (lambda said: said | {"partitions": {"quotes.v1": "4"}}, "partitions must be whole numbers"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_document_that_cannot_be_is_refused_by_field(tmp_path, what):
    """Its seal is right: the sentence says which field, what it must be, and what it is."""
    change, said = BROKEN[what]
    file = said_otherwise(tmp_path / "broken.faretide", change, sealed=True)
    with pytest.raises(CommandError, match=said):
        verified(file, as_json=True, processes=1)


@pytest.mark.parametrize("document", [[], "about", None, 7])
def test_a_document_that_is_no_object_is_refused(tmp_path, document):
    """JSON, but nothing with fields."""
    with pytest.raises(CommandError, match=r"about\.json must be an object"):
        verified(said_otherwise(tmp_path / "f", lambda _: document), as_json=True, processes=1)


def test_a_recording_of_an_earlier_format_is_refused(tmp_path):
    """It has no seal: said so, instead of being believed."""
    file = said_otherwise(tmp_path / "f", lambda said: said | {"format": "faretide-replay/1"})
    with pytest.raises(CommandError, match="has the format 'faretide-replay/1', this version reads"):
        verified(file, as_json=True, processes=1)


def test_nothing_made_again_is_not_identical(tmp_path, capsys):
    """No output in the span: nothing was proven, in words, in JSON or by the exit code."""
    late = said_otherwise(
        tmp_path / "late.faretide",
        lambda said: said | {"from_ms": said["to_ms"] + 3_600_000, "to_ms": said["to_ms"] + 7_200_000},
        sealed=True,
    )
    assert not RunResult().is_identical
    assert not ran(late, tmp_path / "outputs").is_identical
    for as_json in (True, False):
        with pytest.raises(CommandError, match="holds no output to make again"):
            verified(late, as_json=as_json, processes=1)
        told = capsys.readouterr().out
        assert '"identical": true' not in told
        assert "every key and value" not in told
