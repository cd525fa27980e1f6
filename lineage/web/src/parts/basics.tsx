// Small parts every view is made of.
import { type ReactNode, useEffect, useState } from "react";
import { pathOf, go, type Address } from "../use";

export interface Badge {
  code: string;
  severity: "error" | "warning";
  sentence: string;
}

export function Badges({ badges }: { badges: Badge[] }) {
  return badges.map((badge) => (
    <span key={badge.code} className={`badge ${badge.severity}`} title={badge.sentence}>
      {badge.code}
    </span>
  ));
}

/** A link inside the page: a real address, followed without loading the page again. */
export function To({ view, item = "", query = {}, children, className }: Partial<Address> & { children: ReactNode; className?: string }) {
  const address = { view: view ?? "lineage", item, query };
  return (
    <a
      className={className}
      href={pathOf(address)}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        event.stopPropagation(); // a row around it would go there once more
        go(address);
      }}
    >
      {children}
    </a>
  );
}

export function Choice<T extends string>({ label, options, value, onChange }: { label: string; options: readonly (readonly [T, string])[]; value: T; onChange: (value: T) => void }) {
  return (
    <div className="choice" role="group" aria-label={label}>
      {options.map(([option, text]) => (
        <button key={option} type="button" aria-pressed={option === value} onClick={() => onChange(option)}>
          {text}
        </button>
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty" role="status">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Figure({ value, label, name }: { value: ReactNode; label: string; name?: string }) {
  return (
    <div className="figure" data-figure={name}>
      <b>{value}</b>
      <span>{label}</span>
    </div>
  );
}

export function Close({ onClose }: { onClose: () => void }) {
  return (
    <button className="button plain" type="button" aria-label="Close" onClick={onClose}>
      <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true"><path d="M2 2l10 10M12 2L2 12" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" /></svg>
    </button>
  );
}

/** A button that copies a text and says so for a moment. */
export function Copy({ text, children, className = "button" }: { text: string; children: ReactNode; className?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    const timer = copied ? setTimeout(() => setCopied(false), 1_600) : undefined;
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button className={className} type="button" onClick={() => navigator.clipboard?.writeText(text).then(() => setCopied(true), () => undefined)}>
      <span aria-live="polite">{copied ? "Copied" : children}</span>
    </button>
  );
}
