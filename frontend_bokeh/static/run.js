// The page of a run.

import {startEditing} from "./edit.js";
import {keepFresh} from "./refresh.js";

startEditing();
keepFresh(() => document.querySelector(".runhead .run-state").dataset.state === "running", 1000);
