// Why this price: the chain from base fare to amount, what moved the multiplier, the counts behind it, every source.
import { copy, Empty, Figure, To } from "../parts/basics";
import { duration, money, multiplier, words } from "../format";
import { useInstant } from "../stored";
import { useAnswer } from "../use";

interface Place { topic: string; partition: number; offset: number }
interface Entry { topic: string; place: string; appended_ms: number; record: any; headers: Record<string, string>; problem: string }
interface Reason { code: string; before_hundredths: number; after_hundredths: number }
interface Story {
  quote: Entry;
  request: Entry | null;
  policy: Entry | null;
  market: Entry | null;
  tick: {
    place: string; now_ms: number; appended_ms: number; data_age_ms: number; model: string; fallback: string; complete: boolean; inputs: Place[];
    cell: { multiplier_hundredths: number; smooth_hundredths: number; propensity_hundredths: number; eta_s: number; demand_milli: number; supply_milli: number; reasons: Reason[] } | null;
    panes: { pane_ms: number; requests: number; bookings: number }[];
    cars: { idle: number; busy: number; source_partitions: number } | null;
  } | null;
  waterfall: { step: string; at_ms: number; words: string }[];
  sources: Place[];
}

export function Explain({ place }: { place: string }) {
  const answer = useAnswer<Story>("quote", { place });
  const clock = useInstant();
  if (answer.state === "asking") return <Empty title="Reading the topics" />;
  if (answer.state === "failed")
    return (
      <Empty title="This quote cannot be shown">
        <p>{answer.sentence}</p>
        <To view="quotes">Back to the quotes</To>
      </Empty>
    );
  const story = answer.value;
  const quote = story.quote.record;
  const priced = quote.outcome === "PRICED";
  return (
    <div className="scroll">
      <div className="explain">
        <section className="card wide">
          <To view="quotes">← All quotes</To>
          <div className="price">
            <b data-figure="amount">{priced ? money(quote.amount_minor, quote.currency) : quote.outcome === "EXPIRED" ? "Expired" : "Refused"}</b>
            {priced && <span className="times" data-figure="multiplier">{multiplier(quote.multiplier_hundredths)}</span>}
            <span className="muted">{quote.product}, {clock(quote.now_ms, { date: true, ms: true })}</span>
            {quote.fallback && <span className="badge warning">{words(quote.fallback)}</span>}
            {quote.refusal && <span className="badge error">{words(quote.refusal)}</span>}
          </div>
          <div className="figures">
            <Figure value={`${(quote.distance_m / 1000).toFixed(1)} km`} label="distance" />
            <Figure value={duration(quote.duration_s * 1000)} label="on the way" />
            <Figure value={quote.eta_s >= 0 ? duration(quote.eta_s * 1000) : "–"} label="wait for a car" />
            <Figure value={priced ? duration(quote.valid_until_ms - quote.now_ms) : "–"} label="price locked for" />
            <Figure value={duration(story.quote.appended_ms - quote.at_ms)} label="request to answer" />
          </div>
        </section>
        {priced && (
          <section className="card half">
            <h2>The price</h2>
            <ol className="chain">
              {quote.breakdown.map((line: { code: string; amount_minor: number }, at: number) => (
                <li key={at}><span>{words(line.code)}</span><span>{money(line.amount_minor, quote.currency)}</span></li>
              ))}
              <li><b>{quote.breakdown.length} lines add up to</b><b data-figure="sum">{money(quote.breakdown.reduce((sum: number, line: { amount_minor: number }) => sum + line.amount_minor, 0), quote.currency)}</b></li>
            </ol>
          </section>
        )}
        <section className="card half">
          <h2>From sending to answer</h2>
          <Waterfall steps={story.waterfall} />
        </section>
        <section className="card wide">
          <h2>The multiplier</h2>
          <Steps reasons={quote.reasons} final={quote.multiplier_hundredths} priced={priced} />
        </section>
        {story.tick ? <Tick story={story} clock={clock} /> : priced && <section className="card half"><h2>The tick</h2><p className="muted">No tick was used: the zone had none yet, so the multiplier is 1.00×.</p></section>}
        <section className="card half">
          <h2>Sources</h2>
          <dl className="facts">
            {[{ topic: "quotes.v1", ...placed(place) }, ...story.sources, ...(story.tick?.inputs ?? [])].filter((source) => source.offset >= 0).map((source, at) => (
              <div key={at} style={{ display: "contents" }}>
                <dt>{source.topic}</dt>
                <dd><To view="messages" item={source.topic} query={{ place: `${source.partition}@${source.offset}` }} className="mono">{source.partition}@{source.offset}</To></dd>
              </div>
            ))}
          </dl>
          <div className="row wrap">
            <button className="button" type="button" onClick={() => copy(tailCommand(place, story.quote.appended_ms))}>Copy the tail command</button>
            <button className="button" type="button" onClick={() => copy(JSON.stringify(story, null, 2))}>Copy as JSON</button>
            <a className="button" download={`quote-${place}.json`} href={`/api/quote?place=${encodeURIComponent(place)}`}>Download</a>
          </div>
        </section>
        <section className="card half">
          <h2>Request</h2>
          {story.request ? <pre>{JSON.stringify(story.request.record, null, 1)}</pre> : <p className="muted">No longer kept.</p>}
        </section>
      </div>
    </div>
  );
}

/** Prints the quote's record again, on any terminal that reaches the brokers. */
function tailCommand(place: string, appended_ms: number): string {
  return `faretide tail quotes.v1 --partition ${placed(place).partition} --from ${new Date(appended_ms).toISOString()} --limit 1 --json`;
}

function placed(place: string): { partition: number; offset: number } {
  const [partition = "0", offset = "0"] = place.split("@");
  return { partition: Number(partition), offset: Number(offset) };
}

function Steps({ reasons, final, priced }: { reasons: Reason[]; final: number; priced: boolean }) {
  if (!priced) return <p className="muted">Nothing was priced.</p>;
  return (
    <ol className="steps">
      <li><b>{multiplier(reasons[0]?.before_hundredths ?? 100)}</b><div className="muted">before any rule</div></li>
      {reasons.map((reason, at) => (
        <li key={at} className={reason.after_hundredths !== reason.before_hundredths ? "moved" : ""}>
          <b>{multiplier(reason.after_hundredths)}</b>
          <div>{words(reason.code)}</div>
        </li>
      ))}
      <li><b>{multiplier(final)}</b><div className="muted">applied</div></li>
    </ol>
  );
}

function Tick({ story, clock }: { story: Story; clock: (at: number, options?: { ms?: boolean }) => string }) {
  const tick = story.tick!;
  const most = Math.max(1, ...tick.panes.map((pane) => pane.requests));
  const from = tick.now_ms - (tick.now_ms % 10_000) - 23 * 10_000;
  const panes = Array.from({ length: 24 }, (_, at) => tick.panes.find((pane) => pane.pane_ms === from + at * 10_000) ?? { pane_ms: from + at * 10_000, requests: 0, bookings: 0 });
  return (
    <section className="card half">
      <h2>What the tick knew</h2>
      <div className="figures">
        <Figure value={tick.cars ? tick.cars.idle : "–"} label="idle cars in the cell" />
        <Figure value={tick.cars ? tick.cars.busy : "–"} label="busy cars" />
        {tick.cell && <Figure value={(tick.cell.demand_milli / 1000).toFixed(2)} label="riders expected, 5 min" />}
        {tick.cell && <Figure value={(tick.cell.supply_milli / 1000).toFixed(2)} label="cars expected, 5 min" />}
      </div>
      <div>
        <h3>Riders per ten seconds, four minutes before the tick</h3>
        <div className="bars" role="img" aria-label={`Riders per pane: ${panes.map((pane) => pane.requests).join(", ")}`}>
          {panes.map((pane) => <i key={pane.pane_ms} title={`${clock(pane.pane_ms)}: ${pane.requests}`} style={{ height: `${(pane.requests / most) * 100}%` }} />)}
        </div>
      </div>
      <dl className="facts">
        <dt>Tick</dt><dd><To view="messages" item="surge.v1" query={{ place: tick.place }} className="mono">{clock(tick.now_ms, { ms: true })}</To></dd>
        <dt>Model</dt><dd>{tick.model || `none: ${words(tick.fallback)}`}</dd>
        <dt>Age of its oldest counts</dt><dd>{duration(tick.data_age_ms)}</dd>
        <dt>Counts complete</dt><dd>{tick.complete ? "yes" : "no: the price may not rise"}</dd>
        {tick.cell && (<><dt>Before rounding</dt><dd>{multiplier(tick.cell.smooth_hundredths)}, rounded this way in {tick.cell.propensity_hundredths} of 100</dd></>)}
      </dl>
    </section>
  );
}

function Waterfall({ steps }: { steps: Story["waterfall"] }) {
  const first = steps[0]?.at_ms ?? 0;
  const whole = Math.max(1, (steps.at(-1)?.at_ms ?? 0) - first);
  return (
    <div className="waterfall">
      {steps.slice(1).map((step, at) => {
        const before = steps[at]!.at_ms;
        return (
          <div className="lane" key={step.step}>
            <span>{step.words}</span>
            <div><i style={{ left: `${(100 * Math.max(0, before - first)) / whole}%`, width: `${(100 * Math.max(0, step.at_ms - before)) / whole}%` }} /></div>
            <span className="right mono">+{step.at_ms - before} ms</span>
          </div>
        );
      })}
    </div>
  );
}
