// Inside of a sandboxed frame: draws the figure that the page hands in, whose code may do here what it likes.

import {setTheme, theme} from "./page.js";
import {failure, show} from "./panels.js";

const host = document.querySelector("#panel");
const tell = (said) => parent.postMessage(said, "*"); // a frame of no origin cannot name that of its page
let shown = null; // title and owner of what is drawn

addEventListener("message", async ({source, data}) => {
  if (source !== parent) return;
  if (data.theme !== theme()) setTheme(data.theme);
  if (data.drawing) await show((shown = data.drawing), host);
  tell({height: document.documentElement.scrollHeight}); // and that no code goes on without an end
});

/** Tell below the figure that its code has failed: nobody looks into a frame's console. */
function broke(error) {
  if (!shown || !error) return; // without an error a browser only tells of itself
  document.querySelector("#broken")?.remove();
  const told = failure(shown.title, shown.owner, error.message ?? String(error));
  told.id = "broken";
  host.append(told);
}

addEventListener("error", ({error}) => broke(error));
addEventListener("unhandledrejection", ({reason}) => broke(reason));
document.body.addEventListener("keydown", (event) => event.stopPropagation()); // keys of the page are for the page
tell({isReady: true});
