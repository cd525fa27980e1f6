"""A recording with one record altered, hashes made right again: what only a replay can notice."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from replay.recording import Raw, Recording, RecordingWriter
from topics.catalogue import TOPICS

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "policy-change.faretide"


def altered(path: Path, topic: str, change: Callable[[Raw], Raw | None], source: Path = GOLDEN) -> Path:
    """The recording with every record of `topic` led through `change`, which drops it by giving None."""
    old = Recording(source)
    about = old.about
    with RecordingWriter(path) as writer:
        for one in TOPICS:
            for number in range(about.partitions.get(one.name, 0)):
                records = old.records(one.name, number)
                if one.name == topic:
                    records = (made for raw in records if (made := change(raw)) is not None)
                writer.add(one.name, number, records)
        writer.finish(about, texts_of(source))
    return path


def texts_of(path: Path) -> dict[int, str]:
    """Schemas of a recording as text."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.startswith("schemas/")]
        return {int(Path(name).stem): archive.read(name).decode() for name in names}
