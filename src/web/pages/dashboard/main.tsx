import { render } from "preact";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/lists.css";
import "./styles/one.css";
import { followLinks } from "./data/route";
import { Shell } from "./shell";
import "./theme";

followLinks();
const app = document.getElementById("app");
if (app !== null) {
  app.replaceChildren();
  render(<Shell />, app);
}
