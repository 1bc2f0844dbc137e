import { render } from "preact";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/lists.css";
import "./styles/activity.css";
import "./styles/errors.css";
import "./styles/explore.css";
import "./styles/mcp.css";
import "./styles/overview.css";
import "./styles/payload.css";
import "./styles/replay.css";
import "./styles/waterfall.css";
import "./styles/notices.css";
import { interceptLinks } from "./data/route";
import { Shell } from "./shell";
import "./theme";

interceptLinks();
const app = document.getElementById("app");
if (app !== null) {
  app.replaceChildren();
  render(<Shell />, app);
}
