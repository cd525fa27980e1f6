import "@xyflow/react/dist/base.css";
import "uplot/dist/uPlot.min.css";
import "./views.css";
import "./app.css";
import { createRoot } from "react-dom/client";
import { App } from "./App";

createRoot(document.getElementById("root")!).render(<App />);
