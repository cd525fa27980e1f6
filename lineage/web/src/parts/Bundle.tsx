// The quote's bundle: every record its price rests on in one file, to be replayed elsewhere.
import { useState } from "react";
import { order } from "../use";

const COLLECTING = "Collecting half an hour of its zone's records, for up to a minute";

export function Bundle({ quote }: { quote: string }) {
  const [state, setState] = useState("");
  const fetchIt = async () => {
    setState(COLLECTING);
    try {
      const { name, base64 } = await order<{ name: string; base64: string }>("bundle", { quote });
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const address = URL.createObjectURL(new Blob([bytes]));
      Object.assign(document.createElement("a"), { href: address, download: name }).click();
      URL.revokeObjectURL(address);
      setState(`${name} downloaded: faretide bundle verify ${name}`);
    } catch (error) {
      setState((error as Error).message);
    }
  };
  return (
    <>
      <button className="button primary" type="button" disabled={state === COLLECTING} onClick={fetchIt}>Download the bundle</button>
      {state && <span className="muted" role="status">{state}</span>}
    </>
  );
}
