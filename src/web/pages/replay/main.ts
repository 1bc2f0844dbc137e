// Plays what `record` handed out.

import "@rrweb/replay/dist/style.css";

export { Replayer } from "@rrweb/replay";
