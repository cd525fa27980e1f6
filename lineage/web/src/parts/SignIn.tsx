import { useState } from "react";
import { Mark } from "./icons";

export function SignIn({ done }: { done: (role: string) => void }) {
  const [token, setToken] = useState("");
  const [sentence, setSentence] = useState("");
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const response = await fetch("/api/session", { method: "POST", body: JSON.stringify({ token }) }).catch(() => null);
    const said = response ? await response.json() : { sentence: "The dashboard's server does not answer." };
    if (response?.ok) done(said.role);
    else setSentence(said.sentence);
  };
  return (
    <main className="sign">
      <form onSubmit={submit}>
        <h1>
          <Mark />
          Faretide
        </h1>
        <p className="muted">Open the address that faretide dashboard printed, or enter its token.</p>
        <input className="field" type="password" aria-label="Token" placeholder="Token" value={token} onChange={(event) => setToken(event.target.value)} autoFocus />
        {sentence && (
          <p role="alert" className="warn error">
            {sentence}
          </p>
        )}
        <button className="button primary" type="submit" disabled={!token}>
          Sign in
        </button>
      </form>
    </main>
  );
}
