"""Write what this code makes of the golden recordings into them as what is expected: `make golden`.

Inputs stay byte for byte. A change of the rules that is meant shows in the review as a changed file, and
`faretide replay diff` says beforehand what it changes.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from replay.archive import Archive, copied
from replay.outputs import made
from replay.records import Raw
from replay.run import COMPARED, Order, run

HERE = Path(__file__).parent


def renew(file: Path) -> int:
    """Renew one recording; how many of its outputs differed."""
    archive = Archive.opened(file)
    with TemporaryDirectory() as place:
        result = run(Order(file=file, outputs=Path(place)))
        own: dict[tuple[str, int, bytes | None], Raw] = {}
        for topic in COMPARED:
            for number in archive.about.numbers(topic.name):
                for raw in made(Path(place), topic.name, number):
                    own[topic.name, raw.offset, raw.key] = raw
    differ = sum(verdict.differ for verdict in result.topics.values())
    if differ:
        copied(archive, file, lambda name, raw: _renewed(raw, own.get((name, raw.offset, raw.key))))
    return differ


def _renewed(raw: Raw, own: Raw | None) -> Raw:
    return raw if own is None else raw._replace(value=own.value)


if __name__ == "__main__":
    for file in sorted(HERE.glob("*.faretide")):
        print(f"{file.name}: {renew(file)} outputs renewed")  # noqa: T201
