// Why this price: the chain from base fare to amount, what moved the multiplier, the counts behind it, every source.
import { Bundle } from "../parts/Bundle";
import { Copy, Empty, Figure, To } from "../parts/basics";
import { Features, Rings, type Ring, type Told } from "../parts/Forecast";
import { duration, money, multiplier, words } from "../format";
import { useInstant } from "../stored";
import { useAnswer } from "../use";

interface Place { part: string; topic: string; partition: number; offset: number; through: boolean }
interface Entry { topic: string; place: string; appended_ms: number; record: any }
interface Step { rule: string; before_minor: number; after_minor: number; before_hundredths: number; after_hundredths: number }
interface Story {
  quote: Entry;
  chain: Step[];
  request: Entry | null;
  tick: {
    place: string; now_ms: number; appended_ms: number; data_age_ms: number; model: string; fallback: string; complete: boolean;
    cell: { multiplier_hundredths: number; smooth_hundredths: number; propensity_hundredths: number; eta_s: number; demand_milli: number; supply_milli: number } | null;
    recomputed: boolean;
    differing: string[];
  } | null;
  forecast: Told | null;
  rings: Ring[];
  waterfall: { step: string; at_ms: number; words: string }[];
  sources: Place[];
  gone: string[];
}

export function Explain({ place, operator }: { place: string; operator: boolean }) {
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
        {story.gone.length > 0 && (
          <section className="card wide" role="status">
            <h2>No longer kept</h2>
            <ul>{story.gone.map((sentence) => <li key={sentence}>{sentence}</li>)}</ul>
          </section>
        )}
        {priced && (
          <section className="card half">
            <h2>The price</h2>
            <ol className="chain">
              {story.chain.map((step, at) => (
                <li key={at}>
                  <span>{words(step.rule)}{step.before_hundredths !== step.after_hundredths && <span className="muted"> {multiplier(step.before_hundredths)} → {multiplier(step.after_hundredths)}</span>}</span>
                  <span>{signed(step.after_minor - step.before_minor, quote.currency)}</span>
                </li>
              ))}
              <li><b>{story.chain.length} steps end at</b><b data-figure="sum">{money(story.chain.at(-1)?.after_minor ?? 0, quote.currency)}</b></li>
            </ol>
          </section>
        )}
        <section className="card half">
          <h2>From sending to answer</h2>
          <Waterfall steps={story.waterfall} />
        </section>
        {story.tick ? <Tick story={story} clock={clock} /> : priced && quote.tick_offset < 0 && <section className="card half"><h2>The tick</h2><p className="muted">No tick was used: the zone had none yet, so the multiplier is 1.00×.</p></section>}
        <section className="card half">
          <h2>Request</h2>
          {story.request ? <pre>{JSON.stringify(story.request.record, null, 1)}</pre> : <p className="muted">No longer kept.</p>}
        </section>
        {story.rings.length > 0 && <Rings rings={story.rings} now_ms={story.tick!.now_ms} clock={clock} />}
        {story.forecast && <Features told={story.forecast} />}
        <section className="card wide">
          <h2>Sources</h2>
          <dl className="facts sources">
            {story.sources.map((source, at) => (
              <div key={at} style={{ display: "contents" }}>
                <dt>{source.part} <span className="muted">{source.topic}</span></dt>
                <dd>{source.through && <span className="muted">up to </span>}<To view="messages" item={source.topic} query={{ place: `${source.partition}@${source.offset}` }} className="mono">{source.partition}@{source.offset}</To></dd>
              </div>
            ))}
          </dl>
          <div className="row wrap">
            <Copy text={`faretide explain ${quote.quote_id}`}>Copy the command</Copy>
            <Copy text={`faretide replay verify --quote ${quote.quote_id}`}>Copy the replay command</Copy>
            <Copy text={JSON.stringify(story, null, 2)}>Copy as JSON</Copy>
            <a className="button" download={`quote-${place}.json`} href={`/api/quote?place=${encodeURIComponent(place)}`}>Download as JSON</a>
            {operator && <Bundle quote={quote.quote_id} />}
          </div>
        </section>
      </div>
    </div>
  );
}

/** What a step adds or takes. */
function signed(minor: number, currency: string): string {
  return `${minor < 0 ? "−" : "+"}${money(Math.abs(minor), currency)}`;
}

function Tick({ story, clock }: { story: Story; clock: (at: number, options?: { ms?: boolean }) => string }) {
  const tick = story.tick!;
  return (
    <section className="card half">
      <h2>What the tick knew</h2>
      <div className="figures">
        {tick.cell && <Figure value={(tick.cell.demand_milli / 1000).toFixed(2)} label="riders expected, 5 min" />}
        {tick.cell && <Figure value={(tick.cell.supply_milli / 1000).toFixed(2)} label="cars expected, 5 min" />}
      </div>
      <dl className="facts">
        <dt>Tick</dt><dd><To view="messages" item="surge.v1" query={{ place: tick.place }} className="mono">{clock(tick.now_ms, { ms: true })}</To></dd>
        <dt>Model</dt><dd>{tick.model || `none: ${words(tick.fallback)}`}</dd>
        <dt>Age of its oldest counts</dt><dd>{duration(tick.data_age_ms)}</dd>
        <dt>Counts complete</dt><dd>{tick.complete ? "yes" : "no: the price may not rise"}</dd>
        <dt>Computed again</dt><dd data-figure="again">{again(tick)}</dd>
        {tick.cell && (<><dt>Before rounding</dt><dd>{multiplier(tick.cell.smooth_hundredths)}, rounded this way in {tick.cell.propensity_hundredths} of 100</dd></>)}
      </dl>
    </section>
  );
}

/** Whether the tick, computed again from the records it names, is the one that was published. */
function again(tick: NonNullable<Story["tick"]>): string {
  if (!tick.recomputed) return "not possible any more";
  return tick.differing.length ? `differs in ${tick.differing.join(", ")}` : "the same, field for field";
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
