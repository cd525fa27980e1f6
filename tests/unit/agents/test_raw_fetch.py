"""Record batches read in one pass: the same records, positions and errors as aiokafka, and no byte that breaks it."""

import gzip
import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from cramjam import lz4, zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.runtime.batches import Batch
from agents.runtime.raw_batches import LARGEST_BYTES, TOGETHER_RECORDS
from agents.runtime.record_run import parts_of
from agents.runtime.schema_ids import first_unknown
from tests.unit.agents import record_batches as rb
from tests.unit.agents.test_parking import Registry
from tests.unit.topics.chunks import PING, altered, framed, said_by
from topics.columns import ColumnDecoder
from topics.validity import check_pings
from windows.epochs import Epoch

SEEDS = st.integers(0, 2**32).map(random.Random)
LAST_RECORD = 20
GZIP, LZ4, ZSTD = 1, 3, 4


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 1))
def test_the_records_are_those_aiokafka_reads(dice, level):
    """Five codecs, nulls, headers, holes, aborted transactions, control batches, starts in the middle of a batch."""
    log = rb.some_log(dice, dice.randrange(1, 12))
    first, end, cut = dice.choice(log.batches)  # a broker answers from the batch that holds the position asked for
    at = dice.choice([first, dice.randrange(first, end)])
    aborted = [each for each in log.aborted if dice.random() < 0.9]
    theirs = rb.stock(log.data[cut:], at, aborted=aborted, level=level)
    ours = rb.raw(log.data[cut:], at, aborted=aborted, level=level)
    assert ours == theirs
    assert rb.objects(log.data[cut:], at, aborted=aborted, level=level) == theirs


def test_a_response_cut_anywhere_gives_what_is_whole():
    """Brokers cut the last batch where the response is full."""
    dice = random.Random(2)
    data = b"".join(rb.batch(rb.some_rows(dice, 3), base=200 * i, codec=i % 5) for i in range(5))
    for cut in range(0, len(data), 7):
        assert rb.raw(data[:cut]) == rb.stock(data[:cut])


def test_a_batch_damaged_on_the_way_is_fetched_again():
    """Its checksum fails: everything before it is read, then comes aiokafka's own error, at the same position."""
    dice = random.Random(3)
    parts = [rb.batch(rb.some_rows(dice, 5), base=400 * i, codec=i) for i in range(3)]
    for at in range(21, len(parts[1]), 5):
        harmed = bytearray(parts[1])
        harmed[at] ^= 16
        data = parts[0] + bytes(harmed) + parts[2]
        ours = rb.raw(data)
        assert ours == rb.stock(data)
        assert (ours.failed, len(ours.records)) == (True, 5)


def plain(count, value=b"v"):
    """A batch of records with key and header, and where each begins in it."""
    rows = [(i, 1_000 + i, b"key", value, [("h", b"x")]) for i in range(count)]
    whole = rb.batch(rows)
    size = (len(whole) - rb.HEADER_BYTES) // count
    return whole, [rb.HEADER_BYTES + size * i for i in range(count)], size


def test_a_record_whose_parts_do_not_fit_is_told_and_the_others_are_read():
    """The seventh states a key of 63 bytes: its bytes are a dead letter, and nothing else is lost."""
    whole, begins, size = plain(LAST_RECORD)
    harmed = bytearray(whole)
    assert harmed[begins[7] + 4] == 6  # the key's length, 3
    harmed[begins[7] + 4] = 126
    data = rb.sealed(harmed)
    read = rb.raw_runs(data)
    (run,) = read.records
    assert run.broken.nonzero()[0].tolist() == [7]
    assert (run[7].offset, run[7].key, run[7].headers) == (7, None, ())
    assert run[7].value == data[begins[7] + 1 : begins[7] + size]
    assert [run[i].value for i in range(LAST_RECORD) if i != 7] == [b"v"] * (LAST_RECORD - 1)
    assert (read.following, read.failed) == (LAST_RECORD, False)
    (bad, *_) = [b for b in ColumnDecoder(rb.PING_SCHEMA, {}).decode(*parts_of(run)[::3]).bad if b.row == 7]
    assert bad.rule == "kafka-record"


@pytest.mark.parametrize(
    ("change", "good"),
    [
        (lambda b, at: b.__setitem__(slice(at, at + 1), b"\x01"), 7),  # a negative length
        (lambda b, at: b.__setitem__(slice(at, at + 5), b"\xfe\xff\xff\xff\x0f"), 7),  # longer than the batch
        (lambda b, _at: struct.pack_into(">i", b, 57, 15), 15),  # fewer records stated than there are
    ],
)
def test_what_is_left_of_a_batch_that_cannot_be_walked_is_one_broken_record(change, good):
    """Reading goes on behind it: the same bytes would come for ever."""
    whole, begins, _ = plain(LAST_RECORD)
    harmed = bytearray(whole)
    change(harmed, begins[7])
    data = rb.sealed(harmed) + rb.batch([(0, 5, b"k", b"next", [])], base=LAST_RECORD)
    read = rb.raw_runs(data)
    (run,) = read.records
    assert run.broken.tolist() == [False] * good + [True, False]
    assert (run[good].offset, run[good].value) == (good, bytes(harmed[begins[good] :]))
    assert (run[-1].value, read.following) == (b"next", LAST_RECORD + 1)


@pytest.mark.parametrize("codec", [0, 1])
@pytest.mark.parametrize("at", [0, 2, 3, 6])
def test_a_header_whose_name_is_no_text_stops_nobody(codec, at):
    """Aiokafka would meet the record again and again; ours reads it, and what follows, with the name made readable."""
    names = {1: "h\x7f", 4: "\x7f"}
    rows = [(i, 1_000 + i, b"key", b"v%d" % i, [(names.get(i, "h"), b"x")]) for i in range(6)]
    harmed = bytearray(rb.batch(rows))
    for place in [i for i, byte in enumerate(harmed) if byte == 0x7F and i >= rb.HEADER_BYTES]:
        harmed[place] = 0xFF
    if codec:
        packed = gzip.compress(bytes(harmed[rb.HEADER_BYTES :]))
        harmed = harmed[: rb.HEADER_BYTES] + packed
        struct.pack_into(">i", harmed, 8, len(harmed) - 12)
    data = rb.sealed(harmed, attributes=codec) + rb.batch([(0, 9_000, b"key", b"last", [])], base=6)
    with pytest.raises(UnicodeDecodeError):
        rb.stock(data)
    read = rb.objects(data, at)
    assert [record.value for record in read.records] == [*(b"v%d" % i for i in range(at, 6)), b"last"]
    assert read == rb.raw(data, at)
    assert (read.following, read.failed) == (7, False)


@pytest.mark.parametrize(("count", "kept"), [(30_000, 30_000), (560_000, 0)])
def test_headers_beyond_a_bound_are_read_as_none(count, kept):
    """Half a million empty headers pack into 5 kB; nobody makes objects of them, and the record is read."""
    data = rb.batch([(0, 1_000, b"d", b"x", [("", None)] * count)], codec=4)
    assert len(data) < 6_000
    (record,) = rb.raw(data).records
    assert (record.key, record.value, len(record.headers)) == (b"d", b"x", kept)


def test_a_batch_that_does_not_decompress_is_one_broken_record():
    """Its checksum is right, so it was written like that."""
    whole = bytearray(rb.batch([(i, 1, None, b"v" * 50, []) for i in range(9)], codec=3))
    whole[rb.HEADER_BYTES + 2] ^= 255
    data = rb.sealed(whole)
    read = rb.raw_runs(data + rb.batch([(0, 5, b"k", b"next", [])], base=9, codec=3))
    (run,) = read.records
    assert [(r.offset, r.value) for r in (run[0], run[1])] == [(0, data[rb.HEADER_BYTES :]), (9, b"next")]
    assert (run.broken.tolist(), read.following) == ([True, False], 10)
    assert rb.objects(data + rb.batch([(0, 5, b"k", b"next", [])], base=9, codec=3)) == read._replace(records=list(run))


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_a_batch_that_decompresses_to_too_much_is_one_broken_record(codec):
    """It is never held decompressed, whether its topic is read as runs or as objects; what follows is read."""
    zeros = bytes(LARGEST_BYTES + 1)
    body = gzip.compress(zeros, 1) if codec == GZIP else bytes({LZ4: lz4, ZSTD: zstd}[codec].compress(zeros))
    whole = bytearray(rb.batch([(0, 1, None, b"", [])])[: rb.HEADER_BYTES] + body)
    struct.pack_into(">i", whole, 8, len(whole) - 12)
    data = rb.sealed(whole, codec) + rb.batch([(0, 5, b"k", b"next", [])], base=1, codec=codec)
    for read in (rb.raw(data), rb.objects(data)):
        assert [(r.offset, len(r.value)) for r in read.records] == [(0, len(body)), (1, len(b"next"))]
        assert (read.following, read.failed) == (2, False)


def test_a_response_that_decompresses_to_too_much_is_read_in_parts():
    """Forty megabytes each, of a few kilobytes: the third is fetched again once two are done with."""
    value = bytes(40 * 2**20)
    batches = [rb.batch([(0, 1, None, value, [])], base=i, codec=ZSTD) for i in range(3)]
    first = rb.raw_runs(b"".join(batches))
    assert ([run.offset for run in first.records], first.following) == ([0, 1], 2)
    (last,) = rb.raw_runs(batches[2], first.following).records
    assert (last.offset, len(last[0].value)) == (2, len(value))


def test_small_batches_are_read_together_up_to_a_bound():
    """Hundreds of neighbours make one run; a run ends at the bound, at another codec, at a transaction."""
    data = b"".join(rb.batch([(0, 1, None, b"v", [])], base=i, codec=3 if i > 600 else 0) for i in range(900))
    assert [len(run) for run in rb.raw_runs(data).records] == [601, 299]
    many = b"".join(rb.batch([(i, 1, None, b"v", []) for i in range(3000)], base=3000 * n) for n in range(4))
    assert [len(run) for run in rb.raw_runs(many).records] == [9000, 3000]
    assert TOGETHER_RECORDS < 9000


def a_run(values, base=0):
    """A run of these values, keyed by the driver of PING."""
    (run,) = rb.raw_runs(rb.batch([(i, 7, b"driver-1", v, []) for i, v in enumerate(values)], base=base)).records
    return run


def test_a_part_of_a_run_is_a_run_and_knows_what_is_replayed():
    """Agents get parts of at most their batch size; offsets below the commit are replayed."""
    part = a_run([b"a", b"b", None, b"d"], base=10)[1:]
    assert [(r.offset, r.value, r.topic, r.partition) for r in part] == [
        (11, b"b", "pings", 3),
        (12, None, "pings", 3),
        (13, b"d", "pings", 3),
    ]
    batch = Batch.of(rb.TP, part, epoch=Epoch(1, 1), resume=12)
    assert (batch.first_offset, batch.last_offset, batch.count, batch.replayed) == (11, 13, 3, 1)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_columns_and_refusals_of_a_run_are_those_of_its_objects(dice):
    """Mixed schema ids, a writer without a field, values of all kinds: decoded where they stand or as objects."""
    older = altered(rb.PING_SCHEMA, lambda fields: fields.pop("products"))
    decoder = ColumnDecoder(rb.PING_SCHEMA, {1: rb.PING_SCHEMA, 2: older})
    kinds = [
        framed(rb.PING_SCHEMA, PING),
        framed(older, {k: v for k, v in PING.items() if k != "products"}, 2),
        framed(rb.PING_SCHEMA, PING, 3),
        None,
        b"",
        framed(rb.PING_SCHEMA, PING)[:-3],
    ]
    rows = [(i, 7, dice.choice([b"driver-1", b"", None]), dice.choice(kinds), []) for i in range(dice.randrange(1, 30))]
    (run,) = rb.raw_runs(rb.batch(rows, codec=dice.randrange(5))).records
    found = []
    for records in (run, list(run)):
        parts = parts_of(records)
        columns = decoder.decode(parts.values, parts.broken)
        good, broken = check_pings(columns, parts.keys, parts.appended_ms)
        found.append((said_by(columns, rb.PING_SCHEMA), columns.bad, good.tolist(), broken))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "values",
    [
        [b"\0\0\0\0\1x", b"\0\0\0\0\1y"],
        [b"\0\0\0\0\1x", b"\0\0\0\0\2y", b"\0\0\0\0\3y"],
        [None, b"", b"\0\0\0", b"\1\0\0\0\2x"],
        [b"\0\0\0\0\1", b"\0\xff\xff\xff\xff"],
        [b"\0\0\0\0" + bytes([number]) for number in range(99, 0, -1)],
    ],
)
def test_the_first_unknown_id_of_a_run_is_that_of_its_objects(values):
    """So a partition is parked at the same record."""
    run = a_run(values)
    assert first_unknown(run, Registry(1)) == first_unknown(list(run), Registry(1))


def test_no_read_passes_the_end_of_the_batches():
    """Twenty thousand mutated batches, each ending at a protected page: one read too far would kill the child."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.unit.agents.guarded_batches", "20000"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (child.returncode, child.stdout) == (0, "read"), child.stderr
