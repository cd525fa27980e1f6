#!/usr/bin/env python3
"""Recount the raw topics and compare every cell that the services published.

Shares no code with the project, on purpose: the official Kafka client, fastavro, h3 and plain dictionaries; for pings,
of which there are millions, numpy (`lockstep.py` beside this file). What it believes of the rules stands below:

- a record from outside is ignored if it cannot be decoded, if its key is not the id it is about or is empty, if its
  event time is not after the start of 2000 or is over 5 s after the broker's append time, if a coordinate is impossible
  or a field that must say something is empty: the products of a ping, the id and product of a request;
- it is late, and ignored, if appended after the end of its ten-second pane plus 20 s;
- supply: the last ping of a driver by event time (of equal ones the later record) counts while now - at <= 30 s;
- demand: a rider counts once per cell, product and two-minute bucket, in the earliest pane; an accepted booking counts
  once per decision id;
- a cell is told to every zone that has a cell within two rings of it; city totals count home zones only;
- of several writers (epochs) the highest counts; an older one's panes stand before its successor's complete_from;
- what a source partition has said is what stood when it last said "alive" in all partitions of a topic.

    recount.py --bootstrap HOST:PORT --registry URL [--tamper drop|double] [--json]

Exit code 0 if everything agrees, 1 if not. `--tamper` leaves one event out of the recount, or counts one twice, and so
must lead to exit code 1.
"""

import argparse
import io
import json
import math
import sys
import urllib.request
from collections import Counter, defaultdict

import fastavro
import h3.api.basic_int as h3
import lockstep
import numpy as np
from confluent_kafka import Consumer, TopicPartition

PANE, BUCKET, GRACE, EXPIRY, FUTURE, SOON = 10_000, 120_000, 20_000, 30_000, 5_000, 300_000
Y2K = 946_684_800_000


class Topics:
    def __init__(self, bootstrap, registry):
        self.registry, self.schemas = registry.rstrip("/"), {}
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "recount",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,  # else the next partition waits for a fetch at the end of the one before
            }
        )

    def schema(self, number):
        if number not in self.schemas:
            with urllib.request.urlopen(f"{self.registry}/schemas/ids/{number}", timeout=10) as answer:
                self.schemas[number] = fastavro.parse_schema(json.loads(json.loads(answer.read())["schema"]))
        return self.schemas[number]

    def decode(self, value):
        if value is None or len(value) < 5 or value[0] != 0:
            return None
        try:
            body = io.BytesIO(value[5:])
            decoded = fastavro.schemaless_reader(body, self.schema(int.from_bytes(value[1:5], "big")), None)
        except Exception:
            return None
        return decoded if body.tell() == len(value) - 5 else None

    def read(self, topic):
        """Every record of a topic, partition by partition: (partition, offset, append time, key, decoded value)."""
        metadata = self.consumer.list_topics(topic, timeout=10).topics[topic]
        for partition in sorted(metadata.partitions):
            tp = TopicPartition(topic, partition)
            first, end = self.consumer.get_watermark_offsets(tp, timeout=10)
            if first == end:
                continue
            self.consumer.assign([TopicPartition(topic, partition, first)])
            position = first
            while position < end:
                for message in self.consumer.consume(min(5000, end - position), timeout=1.0):
                    if message.error() is None and message.offset() < end:
                        appended = message.timestamp()[1]
                        yield partition, message.offset(), appended, message.key(), self.decode(message.value())
                        position = message.offset() + 1
                position = max(position, min(self.consumer.position([tp])[0].offset, end))
        self.consumer.unassign()


REQUEST = "rider_id", ("pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon"), ("request_id", "product")
DECISION = "rider_id", (), ("decision_id",)


def usable(record, key, appended, rules):
    about, coordinates, said = rules
    if record is None or not key or key != record[about].encode() or not all(record[field] for field in said):
        return False
    if not Y2K < record["at_ms"] <= appended + FUTURE:
        return False
    return all(math.isfinite(record[c]) and abs(record[c]) <= (90 if c.endswith("lat") else 180) for c in coordinates)


def late(at, appended):
    return appended > at // PANE * PANE + PANE + GRACE


_zones = {}


def zones_told(cell):
    if cell not in _zones:
        _zones[cell] = {h3.cell_to_parent(near, 6) for near in h3.grid_disk(cell, 2)}
    return _zones[cell]


def epoch(record):
    return record["epoch_generation"], record["epoch_started_ms"]


def latest_word(records, fields):
    """Of each source partition: the highest epoch, and its last ALIVE that stands in every partition of the topic."""
    last = {}
    for p, _, _, _, r in records:
        if r["kind"] == "ALIVE":
            mark = (epoch(r), r["now_ms"], {f: r[f] for f in fields})
            known = last.setdefault(r["source_partition"], {})
            known[p] = max(known.get(p, mark), mark, key=lambda m: m[:2])
    words = {q: min(by_partition.values(), key=lambda m: m[:2]) for q, by_partition in last.items()}
    return {q: (e, seen) for q, (e, _, seen) in words.items()}


# --------------------------------------------------------------------------------------------------------- supply


def published_supply(records, words):
    """(source, zone) -> {cell: (idle, busy, soon_free, {product: idle})} of the last complete epoch."""
    out = {}
    for _, _, _, _, r in records:
        q = r["source_partition"]
        if r["kind"] != "CELLS" or q not in words or epoch(r) != words[q][0] or r["now_ms"] > words[q][1]["now_ms"]:
            continue
        width = len(r["products"])
        out[q, r["zone"]] = {
            cell: (
                r["idle"][i], r["busy"][i], r["soon_free"][i],
                {p: n for p, n in zip(r["products"], r["idle_by_product"][i * width:(i + 1) * width]) if n},
            )
            for i, cell in enumerate(r["cells"])
        }  # fmt: skip
    return {k: v for k, v in out.items() if v}


def counted_supply(pings, words, decode):
    if pings is None:
        return {}
    known = np.array([words[q][1]["pings_offset"] if q in words else -1 for q in range(pings.partition.max() + 1)])
    counts = lockstep.usable(pings, y2k=Y2K, future=FUTURE) & ~lockstep.late(pings, pane=PANE, grace=GRACE)
    rows = np.flatnonzero(counts & (pings.offset <= known[pings.partition]))
    out = defaultdict(dict)
    for row in lockstep.last_of_each(pings, rows).tolist():
        q, r = int(pings.partition[row]), decode(pings.value[row])
        now = words[q][1]["now_ms"]
        if now - r["at_ms"] > EXPIRY or r["status"] not in {"IDLE", "BUSY"}:
            continue
        cell = h3.latlng_to_cell(r["lat"], r["lon"], 8)
        for zone in zones_told(cell):
            idle, busy, soon, products = out[q, zone].setdefault(cell, (0, 0, 0, {}))
            if r["status"] == "IDLE":
                products = dict(products)
                for p in set(r["products"]):
                    products[p] = products.get(p, 0) + 1
                out[q, zone][cell] = (idle + 1, busy, soon, products)
            else:
                free = r["free_at_ms"]
                out[q, zone][cell] = (idle, busy + 1, soon + (free is not None and free <= now + SOON), products)
    return dict(out)


# --------------------------------------------------------------------------------------------------------- demand


def published_panes(records, words, place):
    """Fold the epochs of each source in order, in each partition by itself: (source, *place) -> counts."""
    current, panes, held = {}, {}, {}
    for p, _, _, _, r in records:
        q, e = r["source_partition"], epoch(r)
        log = p, q
        if q not in words or (e, r["now_ms"]) > (words[q][0], words[q][1]["now_ms"]) or e < current.get(log, (-1, -1)):
            continue
        if r["kind"] == "CELLS":
            target = panes if current.get(log) == e else held.setdefault((log, e), {})
            for key, counts in place(r):
                target[log, *key] = counts
        elif r["kind"] == "SNAPSHOT_COMPLETE" and current.get(log) != e:
            current[log] = e
            for key in [k for k in panes if k[0] == log and k[-1] >= r["complete_from_ms"]]:
                del panes[key]
            panes.update({k: v for k, v in held.pop((log, e), {}).items() if k[-1] >= r["complete_from_ms"]})
    return {(q, *key): counts for ((_, q), *key), counts in panes.items() if counts}


def zone_panes(r):
    if not r["zone"]:
        return
    width = len(r["products"])
    counts = {}
    for i, cell in enumerate(r["cells"]):
        for j, product in enumerate(r["products"]):
            pair = (r["requests"][i * width + j], r["bookings"][i * width + j])
            if any(pair):
                counts[cell, product] = pair
    yield (r["zone"], r["pane_start_ms"]), counts


def city_panes(r):
    yield (r["pane_start_ms"],), {z: (a, b) for z, a, b in zip(r["zones"], r["requests"], r["bookings"]) if a or b}


def counted_demand(requests, decisions, words):
    """Returns the same for zones and for the city: (source, zone, pane) and (source, pane) -> counts."""
    earliest, booked = {}, {}
    for q, offset, appended, key, r in requests:
        if q not in words or offset > words[q][1]["requests_offset"]:
            continue
        if not usable(r, key, appended, REQUEST) or late(r["at_ms"], appended):
            continue
        cell = h3.latlng_to_cell(r["pickup_lat"], r["pickup_lon"], 8)
        who = (q, r["rider_id"], cell, r["product"], r["at_ms"] // BUCKET)
        pane = r["at_ms"] // PANE * PANE
        earliest[who] = min(earliest.get(who, pane), pane)
    for q, offset, appended, key, r in decisions:
        if q not in words or offset > words[q][1]["decisions_offset"] or not usable(r, key, appended, DECISION):
            continue
        if r["outcome"] == "ACCEPTED" and not late(r["at_ms"], appended):
            booked.setdefault((q, r["decision_id"]), (r["cell"], r["product"], r["at_ms"] // PANE * PANE))
    zones = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    city = defaultdict(lambda: defaultdict(lambda: [0, 0]))

    def add(q, cell, product, pane, which):
        for zone in zones_told(cell):
            zones[q, zone, pane][cell, product][which] += 1
        city[q, pane][h3.cell_to_parent(cell, 6)][which] += 1

    for (q, _, cell, product, _), pane in earliest.items():
        add(q, cell, product, pane, 0)
    for (q, _), (cell, product, pane) in booked.items():
        add(q, cell, product, pane, 1)
    plain = lambda table: {k: {c: tuple(n) for c, n in v.items()} for k, v in table.items()}  # noqa: E731
    return plain(zones), plain(city)


# --------------------------------------------------------------------------------------------------------- compare


def differences(name, published, counted):
    found = []
    for key in published.keys() | counted.keys():
        a, b = published.get(key, {}), counted.get(key, {})
        found += [
            f"{name} {key} {c}: published {a.get(c)}, counted {b.get(c)}"
            for c in a.keys() | b.keys()
            if a.get(c) != b.get(c)
        ]
    return found


def who(row):
    q, _, _, _, r = row
    return q, r["rider_id"], h3.latlng_to_cell(r["pickup_lat"], r["pickup_lon"], 8), r["product"], r["at_ms"] // BUCKET


def tampered(how, requests, words):
    """Drop, or count twice under another name, one request that matters."""
    counting = [
        x
        for x in requests
        if x[0] in words
        and x[1] <= words[x[0]][1]["requests_offset"]
        and usable(x[4], x[3], x[2], REQUEST)
        and not late(x[4]["at_ms"], x[2])
    ]
    many = Counter(map(who, counting))
    alone = next((x for x in reversed(counting) if many[who(x)] == 1), None)
    if alone is None:
        sys.exit("nothing to tamper with")
    if how == "drop":
        return [x for x in requests if x is not alone]
    q, offset, appended, _, r = alone
    name = r["rider_id"] + "-again"
    return [*requests, (q, offset, appended, name.encode(), {**r, "rider_id": name})]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--registry", required=True)
    parser.add_argument("--tamper", choices=["drop", "double"])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    topics = Topics(arguments.bootstrap, arguments.registry)
    supply_cells, demand_cells, city = (
        [x for x in topics.read(t) if x[4] is not None]
        for t in ("supply-cells.v1", "demand-cells.v1", "city-demand.v1")
    )
    pings, requests = lockstep.pings_of(arguments.bootstrap, arguments.registry), list(topics.read("quote-requests.v1"))
    decisions = list(topics.read("booking-decisions.v1"))
    supply_words = latest_word(supply_cells, ("pings_offset", "now_ms"))
    demand_words = latest_word(demand_cells, ("requests_offset", "decisions_offset", "now_ms"))
    if arguments.tamper:
        requests = tampered(arguments.tamper, requests, demand_words)
    zones, totals = counted_demand(requests, decisions, demand_words)
    told_supply = published_supply(supply_cells, supply_words)
    counted = counted_supply(pings, supply_words, topics.decode)
    told_zones = published_panes(demand_cells, demand_words, zone_panes)
    told_totals = published_panes(city, demand_words, city_panes)
    found = (
        differences("supply", told_supply, counted)
        + differences("demand", told_zones, zones)
        + differences("city", told_totals, totals)
    )
    result = {
        "pings": 0 if pings is None else int(pings.offset.size),
        "requests": len(requests),
        "decisions": len(decisions),
        "supply_cells": sum(map(len, counted.values())),
        "demand_cells": sum(map(len, zones.values())),
        "city_cells": sum(map(len, totals.values())),
        "differences": len(found),
        "examples": found[:10],
    }
    print(json.dumps(result) if arguments.json else "\n".join(f"{k}: {v}" for k, v in result.items()))
    empty = not (counted and zones and totals)
    if empty:
        print("nothing to compare: are the topics empty?", file=sys.stderr)
    sys.exit(1 if found or empty else 0)


if __name__ == "__main__":
    main()
