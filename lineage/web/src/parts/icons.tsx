// Drawn here, since the page loads nothing from elsewhere.
const paths: Record<string, string> = {
  lineage: "M3 5h5v5H3zM16 3h5v5h-5zM16 15h5v5h-5zM8 7.500h3.500c2 0 1-2 4.500-2M8 8c5 0 4 9.500 8 9.500",
  map: "M12 2.500 20.200 7.250v9.500L12 21.500l-8.200-4.750v-9.500zM12 12l8-4.600M12 12v9.300M12 12 4 7.400",
  quotes: "M4 4h16v12H9l-5 4.500zM8 8.500h8M8 12h5",
  messages: "M4 5h16M4 10h16M4 15h10M4 20h7",
  losses: "M12 3.500 21.500 20h-19zM12 10v4.500M12 17.200v.4",
};

export function Icon({ name }: { name: string }) {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.700" strokeLinejoin="round" strokeLinecap="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

export function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <path d="M16 1.500 28.600 8.700v14.600L16 30.500 3.400 23.300V8.700z" fill="currentColor" />
      <path d="M8 13.500c2.700-2.600 5.300-2.600 8 0s5.300 2.600 8 0M8 19.500c2.700-2.600 5.300-2.600 8 0s5.300 2.600 8 0" fill="none" stroke="var(--sheet)" strokeWidth="2.400" strokeLinecap="round" />
    </svg>
  );
}
