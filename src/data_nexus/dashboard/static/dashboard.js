// Renews parts of a page from the server's events, and moves a chart through the days on which it was
// known. Without this script every page works; it must be loaded anew to be renewed.
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

const known = document.getElementById("known");
const chart = document.querySelector("img.chart");
if (known && chart) {
  const days = known.dataset.days.split(" ");
  const day = document.getElementById("as_of");
  const shown = document.getElementById("known-day");
  let waiting = 0;

  const draw = () => {
    const address = new URL(chart.src);
    if (day.value) address.searchParams.set("as_of", day.value);
    else address.searchParams.delete("as_of");
    if (chart.src !== address.href) chart.src = address.href;
  };

  const say = () => {
    shown.textContent = day.value || "today";
    known.setAttribute("aria-valuetext", shown.textContent);
  };

  known.addEventListener("input", () => {
    day.value = days[known.value] || ""; // beyond the last day: all that is known now
    say();
    clearTimeout(waiting);
    waiting = setTimeout(draw, 250);
  });
  day.addEventListener("change", () => {
    const later = days.findIndex((each) => each > day.value);
    known.value = day.value && later >= 0 ? Math.max(0, later - 1) : days.length - (day.value ? 1 : 0);
    say();
  });
  known.setAttribute("aria-valuetext", shown.textContent);
  known.parentElement.hidden = false;
}
