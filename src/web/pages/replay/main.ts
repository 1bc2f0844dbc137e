// Exports rrweb's player, for tests of the recorder.

import "@rrweb/replay/dist/style.css";

export { Replayer } from "@rrweb/replay";
