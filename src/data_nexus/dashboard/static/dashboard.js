// Renews parts of a page from the server's events, and asks before a form acts. Without this script
// every page works; it must be loaded anew to be renewed.
"use strict";

const live = document.querySelector("[data-live]");
if (live && window.EventSource) {
  const state = document.getElementById("live-state");
  const pause = document.getElementById("live-pause");
  const shown = new Map();
  let source = null;

  const say = (text) => {
    if (state.textContent !== text) state.textContent = text;
  };

  const renew = (name, text) => {
    const part = document.getElementById(name);
    // What a person has the focus in stays as it is.
    if (!part || shown.get(name) === text || part.contains(document.activeElement)) return;
    const open = [...part.querySelectorAll("details")].map((each) => each.open);
    shown.set(name, text);
    part.innerHTML = text; // the server has escaped every text of the vendor's
    part.querySelectorAll("details").forEach((each, at) => { each.open = Boolean(open[at]); });
  };

  const begin = () => {
    source = new EventSource(live.dataset.live);
    source.addEventListener("parts", (event) => {
      say("Live, as of");
      for (const [name, text] of Object.entries(JSON.parse(event.data))) renew(name, text);
    });
    source.addEventListener("away", () => say("The database does not answer; as of"));
    source.addEventListener("error", () => say("The connection is lost; as of"));
    pause.textContent = "Pause";
  };

  pause.hidden = false;
  pause.addEventListener("click", () => {
    if (source) {
      source.close();
      source = null;
      say("Paused, as of");
      pause.textContent = "Resume";
    } else {
      begin();
    }
  });
  window.addEventListener("pagehide", () => source && source.close());
  begin();
}
