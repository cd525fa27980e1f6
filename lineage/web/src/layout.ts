// A stable left-to-right layout: the same nodes and edges always get the same places, whatever their rates.
//
// Ranks follow the longest way from a producer, with edges that would close a circle left out; what feeds a node from
// aside moves next to it. An edge over several ranks gets a narrow lane in each rank it passes, ordered like a node: so
// it runs between nodes and not behind them. Within a rank nodes and lanes stand by the mean of their neighbours.

export interface Sized {
  id: string;
  width: number;
  height: number;
}
export type Link = readonly [string, string];
export interface Place {
  x: number;
  y: number;
}
export interface Laid {
  places: Map<string, Place>;
  /** By "from>to": the points an edge runs through between its ends, in its own direction; none for neighbours. */
  bends: Map<string, Place[]>;
  /** Edges that lead back, against the flow. */
  returns: Set<string>;
}

const GAP_X = 70;
const GAP_Y = 34;
const LANE_Y = 14;
const SWEEPS = 10;

export function layout(nodes: readonly Sized[], links: readonly Link[]): Map<string, Place> {
  return laid(nodes, links).places;
}

export function laid(nodes: readonly Sized[], links: readonly Link[]): Laid {
  const known = new Set(nodes.map((node) => node.id));
  const inside = links.filter(([from, to]) => known.has(from) && known.has(to) && from !== to);
  const forward = withoutCircles(nodes, inside);
  const rank = ranks(nodes, forward);
  const columns: Sized[][] = [];
  for (const node of nodes) (columns[rank.get(node.id)!] ??= []).push(node);
  for (let place = 0; place < columns.length; place++) columns[place] ??= [];
  const { chains, pieces } = lanes(inside, rank, columns);
  order(columns, pieces);
  const places = placed(columns);
  const returns = new Set(inside.filter(([from, to]) => rank.get(from)! >= rank.get(to)!).map(([from, to]) => `${from}>${to}`));
  const bends = new Map([...chains].map(([key, ids]) => [key, ids.map((id) => places.get(id)!)]));
  for (const ids of chains.values()) for (const id of ids) places.delete(id);
  return { places, bends, returns };
}

/** Puts a lane into every rank an edge passes; the lanes of each edge in its direction, and all edges cut into pieces. */
function lanes(links: readonly Link[], rank: Map<string, number>, columns: Sized[][]): { chains: Map<string, string[]>; pieces: Link[] } {
  const chains = new Map<string, string[]>();
  const pieces: Link[] = [];
  for (const [from, to] of links) {
    const back = rank.get(from)! > rank.get(to)!;
    const [start, end] = back ? [to, from] : [from, to];
    const ids: string[] = [];
    for (let at = rank.get(start)! + 1; at < rank.get(end)!; at++) {
      const id = `${from}>${to}#${at}`;
      columns[at]!.push({ id, width: 0, height: LANE_Y });
      ids.push(id);
    }
    const way = [start, ...ids, end];
    for (let at = 1; at < way.length; at++) pieces.push([way[at - 1]!, way[at]!]);
    chains.set(`${from}>${to}`, back ? ids.reverse() : ids);
  }
  return { chains, pieces };
}

/** The links that lead onwards, found by the greedy order of Eades, Lin and Smyth: ends last, beginnings first, else
 *  whoever gives most more than takes, and of equals who is nearer to a beginning and farther from an end. What a node both writes and reads back says nothing about the direction. */
function withoutCircles(nodes: readonly Sized[], links: readonly Link[]): Link[] {
  const open = withoutReturns(links);
  const [fromStart, toEnd] = [steps(nodes, open, 0), steps(nodes, open, 1)];
  const early = (id: string) => (toEnd.get(id) ?? 0) - (fromStart.get(id) ?? 0);
  const left = new Set(nodes.map((node) => node.id));
  const [before, after]: [string[], string[]] = [[], []];
  const many = (id: string, end: 0 | 1) => open.filter((link) => link[end] === id && left.has(link[1 - end]!) && link[0] !== link[1]).length;
  while (left.size) {
    const ids = [...left];
    const sink = ids.find((id) => many(id, 0) === 0);
    const source = ids.find((id) => many(id, 1) === 0);
    const worth = (id: string) => many(id, 0) - many(id, 1) + early(id) / 1000;
    const best = sink ?? source ?? ids.reduce((a, b) => (worth(b) > worth(a) ? b : a));
    left.delete(best);
    if (best === sink) after.unshift(best);
    else before.push(best);
  }
  const place = new Map([...before, ...after].map((id, at) => [id, at]));
  return open.filter(([from, to]) => place.get(from)! < place.get(to)!);
}

/** Steps of each node from the nearest beginning (end 0) or to the nearest end (end 1); none if it reaches neither. */
function steps(nodes: readonly Sized[], links: readonly Link[], end: 0 | 1): Map<string, number> {
  const inner = new Set(links.map((link) => link[1 - end]));
  const found = new Map(nodes.filter((node) => !inner.has(node.id)).map((node) => [node.id, 0]));
  for (const [id, far] of found) for (const link of links) if (link[end] === id && !found.has(link[1 - end]!)) found.set(link[1 - end]!, far + 1);
  return found;
}

/** Of two nodes linked both ways, the link that came first in the list stands. */
export function withoutReturns(links: readonly Link[]): Link[] {
  const seen = new Set<string>();
  return links.filter(([from, to]) => {
    if (seen.has(`${to}>${from}`)) return false;
    seen.add(`${from}>${to}`);
    return true;
  });
}

function ranks(nodes: readonly Sized[], links: readonly Link[]): Map<string, number> {
  const rank = new Map(nodes.map((node) => [node.id, 0]));
  for (let round = 0; round < nodes.length; round++) {
    let moved = false;
    for (const [from, to] of links) {
      const least = rank.get(from)! + 1;
      if (rank.get(to)! < least) {
        rank.set(to, least);
        moved = true;
      }
    }
    if (!moved) break;
  }
  // What nothing feeds, or a single feeder feeds, stands just before its first reader instead of far to the left.
  for (const node of [...nodes].reverse()) {
    const readers = links.filter(([from]) => from === node.id).map(([, to]) => rank.get(to)!);
    const feeders = links.filter(([, to]) => to === node.id).map(([from]) => from);
    const loose = feeders.every((feeder) => !links.some(([, to]) => to === feeder));
    if (readers.length && loose) rank.set(node.id, Math.max(rank.get(node.id)!, Math.min(...readers) - 1));
  }
  for (const node of nodes) {
    const readers = links.filter(([from]) => from === node.id).map(([, to]) => rank.get(to)!);
    if (readers.length && !links.some(([, to]) => to === node.id)) rank.set(node.id, Math.min(...readers) - 1);
  }
  return rank;
}

function order(columns: Sized[][], links: readonly Link[]): void {
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const place = new Map(columns.flatMap((column) => column.map((node, at) => [node.id, (at + 0.5) / column.length])));
    const leftward = sweep % 2 === 0;
    for (const column of leftward ? columns : [...columns].reverse()) {
      const pull = new Map(
        column.map((node) => {
          const near = links
            .filter(([from, to]) => (leftward ? to : from) === node.id)
            .map(([from, to]) => place.get(leftward ? from : to)!);
          return [node.id, near.length ? near.reduce((a, b) => a + b, 0) / near.length : place.get(node.id)!];
        }),
      );
      column.sort((a, b) => pull.get(a.id)! - pull.get(b.id)! || a.id.localeCompare(b.id));
      column.forEach((node, at) => place.set(node.id, (at + 0.5) / column.length));
    }
  }
}

/** Columns side by side; within one, everything as near to its neighbours before as the others allow. */
function placed(columns: readonly Sized[][]): Map<string, Place> {
  const places = new Map<string, Place>();
  let x = 0;
  for (const column of columns) {
    if (!column.length) continue;
    const width = Math.max(...column.map((node) => node.width));
    const height = column.reduce((sum, node) => sum + node.height + gap(node), -gap(column.at(-1)!));
    let y = -height / 2;
    for (const node of column) {
      const lane = node.width === 0;
      places.set(node.id, { x: lane ? x + width / 2 : x + (width - node.width) / 2, y: lane ? y + node.height / 2 : y });
      y += node.height + gap(node);
    }
    x += width + GAP_X;
  }
  return places;
}

function gap(node: Sized): number {
  return node.width === 0 ? GAP_Y / 2 : GAP_Y;
}
