// Everything about one node: figures, faults with their evidence, partitions, schema, latest records, neighbours.
import { bytes, count, duration, rate, words } from "../format";
import { firstCause, type Graph, type NodeValue, type ServiceValue, type TopicValue } from "../graph";
import type { Values } from "../live";
import { useInstant } from "../stored";
import { go, useAnswer } from "../use";
import { Close, Figure, To } from "./basics";
import { Schema } from "./Schema";

export function NodePanel({ name, graph, values, now }: { name: string; graph: Graph; values: Values; now: number }) {
  const node: NodeValue | undefined = values.get(`node/${name}`);
  if (!node) return null;
  const cause = firstCause(graph, name);
  return (
    <aside className="panel" aria-label={`About ${name}`}>
      <header>
        <div className="row">
          <h2>{name}</h2>
          <Close onClose={() => go({ item: "" })} />
        </div>
        {node.kind === "topic" && <p className="muted">{node.about}</p>}
      </header>
      {node.badges.map((badge) => (
        <div key={badge.code} className={`warn ${badge.severity}`}>
          <b>{badge.code}</b>
          <span>{badge.sentence}</span>
        </div>
      ))}
      {node.badges.length > 0 && cause !== name && (
        <p>
          It begins upstream, at <To view="lineage" item={cause}>{cause}</To>.
        </p>
      )}
      {node.kind === "topic" && <Topic topic={node} now={now} />}
      {node.kind === "service" && <Service service={node} now={now} />}
      {node.kind !== "topic" && node.kind !== "service" && (
        <p className="muted">{node.sources.length ? `Known by ce_source ${node.sources.join(", ")}.` : "Outside the system: known by what it writes and reads, not by telemetry."}</p>
      )}
      <Neighbours name={name} values={values} />
      {node.kind === "topic" && <Latest topic={name} />}
      {node.kind === "topic" && <Schema topic={name} />}
    </aside>
  );
}

function Topic({ topic, now }: { topic: TopicValue; now: number }) {
  return (
    <>
      <div className="figures">
        <Figure name="rate" value={rate(topic.rate)} label="appended" />
        <Figure name="records" value={count(topic.records)} label="records kept" />
        <Figure name="fresh" value={topic.newest_ms ? duration(Math.max(0, now - topic.newest_ms)) : "–"} label="since the newest" />
        <Figure name="event-lag" value={duration(topic.event_lag_ms)} label="event to append" />
      </div>
      <section>
        <h3>Partitions</h3>
        <table>
          <thead>
            <tr><th>#</th><th className="right">From</th><th className="right">To</th><th className="right">Rate</th></tr>
          </thead>
          <tbody>
            {topic.partitions.map(([number, begin, end, perSecond]) => (
              <tr key={number}>
                <td>{number}</td>
                <td className="right mono">{begin}</td>
                <td className="right mono">{end}</td>
                <td className="right">{rate(perSecond)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <dl className="facts">
        <dt>Key</dt><dd>{topic.key_is}</dd>
        <dt>Kept for</dt><dd>{topic.retention_ms < 0 ? "ever" : duration(topic.retention_ms)}</dd>
        {topic.sources.length > 0 && (<><dt>Written by</dt><dd>{topic.sources.join(", ")}</dd></>)}
      </dl>
    </>
  );
}

function Service({ service, now }: { service: ServiceValue; now: number }) {
  const clock = useInstant();
  return (
    <>
      <div className="figures">
        <Figure name="read" value={rate(service.read_rate)} label="read" />
        <Figure name="written" value={rate(service.written_rate)} label="written" />
        <Figure name="behind" value={service.behind_ms ? duration(service.behind_ms) : "0 s"} label={`behind, ${count(service.behind)} records`} />
        <Figure name="busy" value={`${Math.round(service.busy * 100)} %`} label="of a core" />
      </div>
      {Object.keys(service.latency_ms).length > 0 && (
        <section>
          <h3>Latency over the last seconds</h3>
          <table>
            <thead><tr><th>What</th><th className="right">Half under</th><th className="right">99 % under</th></tr></thead>
            <tbody>
              {Object.entries(service.latency_ms).map(([name, [half, most]]) => (
                <tr key={name}>
                  <td>{words(name.replace(/_ms$/, ""))}</td>
                  <td className="right">{half < 0 ? "> 10 s" : duration(half)}</td>
                  <td className="right">{most < 0 ? "> 10 s" : duration(most)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <section>
        <h3>Workers</h3>
        {service.workers.map((worker) => (
          <dl className="facts" key={worker.name}>
            <dt>{worker.name}</dt>
            <dd>{Math.round(worker.busy * 100)} % busy, heard {duration(Math.max(0, now - worker.now_ms))} ago</dd>
            {Object.entries(worker.versions).map(([what, version]) => (
              <div key={what} style={{ display: "contents" }}><dt>{what}</dt><dd className="mono">{version}</dd></div>
            ))}
          </dl>
        ))}
        {!service.workers.length && <p className="muted">None reports. Last heard {service.heard_ms ? clock(service.heard_ms) : "never"}.</p>}
      </section>
      <section>
        <h3>Measured</h3>
        <dl className="facts">
          {Object.entries(service.gauges).map(([name, value]) => (
            <div key={name} style={{ display: "contents" }}><dt>{words(name)}</dt><dd>{gauge(name, value, clock)}</dd></div>
          ))}
        </dl>
      </section>
    </>
  );
}

/** A gauge in its unit: instants as such, sizes of memory, counts, shares. */
function gauge(name: string, value: number, clock: (at_ms: number, options?: { date?: boolean }) => string): string {
  if (name === "started_ms") return clock(value, { date: true });
  if (name.endsWith("_bytes")) return bytes(value);
  return Number.isInteger(value) ? count(value) : value.toFixed(3);
}

function Neighbours({ name, values }: { name: string; values: Values }) {
  const edges = [...values].filter(([key]) => key.startsWith("edge/")).map(([, value]) => value);
  const lists = [
    ["From", edges.filter((edge) => edge.to === name).map((edge) => [edge.from, edge] as const)],
    ["To", edges.filter((edge) => edge.from === name).map((edge) => [edge.to, edge] as const)],
  ] as const;
  return lists.map(([title, list]) =>
    list.length === 0 ? null : (
      <section key={title}>
        <h3>{title}</h3>
        <table>
          <tbody>
            {list.map(([other, edge]) => (
              <tr key={other}>
                <td className="clip"><To view="lineage" item={other}>{other}</To></td>
                <td className="right">{edge.measured || edge.rate ? rate(edge.rate) : <span className="muted">not measured</span>}</td>
                <td className="right muted">{edge.bytes_rate > 0 ? `${bytes(edge.bytes_rate)}/s` : ""}</td>
                <td className="right">{edge.behind_ms > 0 ? `${duration(edge.behind_ms)} behind` : ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    ),
  );
}

function Latest({ topic }: { topic: string }) {
  const answer = useAnswer<{ records: { place: string; key: string; appended_ms: number; record: unknown; problem: string }[] }>("messages", { topic, limit: 3 }, 4000);
  const clock = useInstant();
  return (
    <section>
      <div className="row">
        <h3 className="grow">Latest records</h3>
        <To view="messages" item={topic}>Browse messages</To>
      </div>
      {answer.state === "failed" && <p className="warn">{answer.sentence}</p>}
      {answer.value?.records.slice(0, 3).map((record) => (
        <details key={record.place}>
          <summary className="mono clip">{clock(record.appended_ms, { ms: true })}  {record.place}  {record.key}</summary>
          <pre>{record.problem || JSON.stringify(record.record, null, 1)}</pre>
        </details>
      ))}
      {answer.value?.records.length === 0 && <p className="muted">No records yet.</p>}
    </section>
  );
}
