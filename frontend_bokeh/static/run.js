// The page of a run.

import {startEditing} from "./edit.js";
import {keepFresh} from "./refresh.js";

startEditing();
const news = `${location.pathname.replace(/(\/runs\/[^/]+).*/, "$1")}/news`;
keepFresh(() => document.querySelector(".runhead .run-state").dataset.state === "running", 1000, news);
