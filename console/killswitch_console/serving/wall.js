// A wall display that stands still must say so, and come back by itself.
"use strict";
(() => {
  const RETRY_MS = 3000;

  async function comeBack() {
    try {
      if ((await fetch("/", { cache: "no-store" })).ok) {
        window.location.replace("/");
        return;
      }
    } catch (error) {
      console.log("not back yet", error);
    }
    setTimeout(comeBack, RETRY_MS);
  }

  window.addEventListener("DOMContentLoaded", () => {
    const watched = new MutationObserver(() => {
      if (document.body.classList.contains("-closed")) {
        watched.disconnect();
        document.getElementById("since").textContent = "at " + new Date().toLocaleTimeString();
        setTimeout(comeBack, RETRY_MS);
      }
    });
    watched.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  });
})();
