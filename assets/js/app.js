import htmx from "htmx.org/dist/htmx.esm.js";
import "./keyed.js";
import "./notices.js";
import "./live.js";
import "./composer.js";
import "./attachments.js";
import "./map.js";
import "./inbox.js";
import "./searching.js";
import "./bubbles.js";
import "./templates.js";
import "./messages.js";
import "./copy.js";
import "./places.js";
import "./position.js";
import "./menus.js";
import "./picking.js";
import "./sifting.js";
import "./notes.js";
import "./print.js";
import "./keys.js";
import "./palette.js";
import "./tour.js";
import "./tabs.js";

// For the tests, which ask the page itself to fetch.
globalThis.htmx = htmx;
