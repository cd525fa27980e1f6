// The live boards: frames in, values out. One WebSocket for all of them; see docs/dashboard.md for the protocol.

export type Values = Map<string, any>;
export type BoardName = "lineage" | "map" | "quotes" | "losses";
export const BOARDS: readonly BoardName[] = ["lineage", "map", "quotes", "losses"];

export type Frame =
  | { board: BoardName; kind: "snapshot"; number: number; now_ms: number; values: Record<string, unknown> }
  | {
      board: BoardName;
      kind: "delta";
      number: number;
      now_ms: number;
      changed: Record<string, unknown>;
      dropped: string[];
    };

export type Status = "connecting" | "live" | "lost" | "refused";
export type Mode = { kind: "live" } | { kind: "paused"; at_ms: number } | { kind: "past"; at_ms: number };

export interface BoardState {
  number: number;
  values: Values;
}

/** The board after one frame, or null if a frame before it is missing and a snapshot must be asked for. */
export function applied(board: BoardState, frame: Frame): BoardState | null {
  if (frame.kind === "snapshot") return { number: frame.number, values: new Map(Object.entries(frame.values)) };
  if (frame.number !== board.number + 1) return null;
  for (const key of frame.dropped) board.values.delete(key);
  for (const [key, value] of Object.entries(frame.changed)) board.values.set(key, value);
  return { number: frame.number, values: board.values };
}

/** Milliseconds until the next attempt: doubling, at most 15 s, spread so that many pages do not return at once. */
export function backoffMs(attempt: number, random: number): number {
  return Math.min(15_000, 500 * 2 ** attempt) * (0.75 + random / 2);
}

export class Live {
  status: Status = "connecting";
  mode: Mode = { kind: "live" };
  /** What the instant shown no longer has, in sentences. */
  gone: string[] = [];
  /** The boards of the instant compared with, or why there are none. */
  then: Record<BoardName, Values> | null = null;
  thenSentence = "";
  /** The server's clock less ours, so that ages are right on a machine whose clock is not. */
  skewMs = 0;
  lastFrameAt = 0;
  framesSeen = 0;
  private boards: Record<BoardName, BoardState> = empty();
  private listeners = new Map<string, Set<() => void>>();
  private versions: Record<string, number> = {};
  private touched = new Set<string>();
  private drawing = false;
  private attempt = 0;
  private socket: WebSocket | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;

  values(board: BoardName): Values {
    return this.boards[board].values;
  }

  version(board: BoardName | "status"): number {
    return this.versions[board] ?? 0;
  }

  nowMs(): number {
    return this.mode.kind === "live" ? Date.now() + this.skewMs : this.mode.at_ms;
  }

  subscribe(what: BoardName | "status", listener: () => void): () => void {
    const held = this.listeners.get(what) ?? new Set();
    this.listeners.set(what, held.add(listener));
    return () => held.delete(listener);
  }

  open(): void {
    clearTimeout(this.retry);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/boards`);
    this.socket = socket;
    socket.onopen = () => this.watch();
    socket.onmessage = (event) => this.receive(JSON.parse(event.data as string) as Frame);
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.say(event.code === 4401 ? "refused" : "lost");
      if (event.code !== 4401) this.retry = setTimeout(() => this.open(), backoffMs(this.attempt++, Math.random()));
    };
  }

  pause(): void {
    this.mode = { kind: "paused", at_ms: this.nowMs() };
    this.tell([]);
    this.touchAll();
  }

  /** Show what an earlier instant looked like; nothing live is drawn until `resume`. */
  show(at_ms: number, boards: Record<BoardName, Record<string, unknown>>, gone: string[] = []): void {
    if (this.mode.kind === "live") this.tell([]);
    this.mode = { kind: "past", at_ms };
    this.gone = gone;
    for (const name of BOARDS) this.boards[name] = { number: -1, values: new Map(Object.entries(boards[name] ?? {})) };
    this.touchAll();
  }

  resume(): void {
    this.mode = { kind: "live" };
    this.watch();
    this.touchAll();
  }

  /** Compare what is shown with these boards; null ends it, or says why there is nothing. */
  compare(boards: Record<BoardName, Record<string, unknown>> | null, sentence = ""): void {
    const held = boards && BOARDS.map((name) => [name, new Map(Object.entries(boards[name] ?? {}))] as const);
    this.then = held && (Object.fromEntries(held) as Record<BoardName, Values>);
    this.thenSentence = sentence;
    this.touchAll();
  }

  receive(frame: Frame): void {
    if (this.mode.kind !== "live") return;
    this.framesSeen++;
    this.lastFrameAt = Date.now();
    this.skewMs = frame.now_ms - Date.now();
    this.attempt = 0;
    if (this.status !== "live") this.say("live");
    const after = applied(this.boards[frame.board], frame);
    if (after === null) this.watch();
    else this.boards[frame.board] = after;
    this.touch(frame.board);
  }

  private watch(): void {
    if (this.mode.kind === "live") this.tell(BOARDS);
  }

  /** Say what is watched from now on; a socket that is not open yet says it when it is. */
  private tell(boards: readonly BoardName[]): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ watch: boards }));
  }

  private say(status: Status): void {
    this.status = status;
    this.touch("status");
  }

  private touchAll(): void {
    for (const name of [...BOARDS, "status"]) this.touch(name);
  }

  /** Draw at most once per frame of the screen, however many messages came. */
  private touch(what: string): void {
    this.touched.add(what);
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      const touched = [...this.touched];
      this.touched.clear();
      for (const name of touched) this.versions[name] = (this.versions[name] ?? 0) + 1;
      for (const name of touched) for (const listener of this.listeners.get(name) ?? []) listener();
    });
  }
}

function empty(): Record<BoardName, BoardState> {
  return Object.fromEntries(BOARDS.map((name) => [name, { number: -1, values: new Map() }])) as Record<
    BoardName,
    BoardState
  >;
}
