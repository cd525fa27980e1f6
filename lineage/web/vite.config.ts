import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The built files are committed beside the server, which serves them as they are: running needs no Node.
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    assetsInlineLimit: 0, // everything is a file of our own origin: the content security policy allows no data URLs
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
    rollupOptions: {
      output: {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  server: { proxy: { "/api": { target: process.env.DASHBOARD ?? "http://127.0.0.1:8787", ws: true } } },
});
