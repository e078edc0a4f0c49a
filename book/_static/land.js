"use strict";
// Where a link leads: the place is unfolded and in view, and no panel of a phone lies over it.
{
  // Folds come to rest, fonts and frames come and words are marked after the browser has gone there.
  const PATIENCE = 3000;

  const place = () => document.getElementById(decodeURIComponent(location.hash.slice(1)));

  const unfold = (element) => {
    for (let e = element; e; e = e.parentElement) {
      if (e.localName === "details") e.open = true;
      if (e.matches(".toggle-hidden")) e.querySelector(".toggle-button")?.click();
    }
  };

  const land = () => {
    const element = place();
    if (!element) return;
    unfold(element);
    // The first words of a solution or exercise say little without its title.
    const box = element.closest(".solution, .exercise");
    const isFirst = box && box.querySelector("section")?.firstElementChild?.contains(element);
    (isFirst ? box : element).scrollIntoView({ behavior: "instant" });
  };

  const follow = () => {
    const changes = new ResizeObserver(land);
    const stop = () => changes.disconnect();
    changes.observe(document.body);
    for (const moved of ["wheel", "touchstart", "pointerdown", "keydown"])
      addEventListener(moved, stop, { once: true, passive: true });
    setTimeout(stop, PATIENCE);
    land();
  };

  // Who comes back, or loads the page again, finds it where it was left.
  const [navigation] = performance.getEntriesByType("navigation");
  if (place() && (navigation?.type ?? "navigate") === "navigate") {
    if (document.readyState === "complete") follow();
    else addEventListener("load", follow);
  }
  addEventListener("hashchange", land);

  // A panel is open as long as its box is checked. The theme gives the focus to what is at the top,
  // and the page follows it.
  for (const which of ["primary", "secondary"]) {
    const box = document.getElementById(`pst-${which}-sidebar-checkbox`);
    document.querySelector(`.bd-sidebar-${which}`)?.addEventListener("click", ({ target }) => {
      if (target.closest("a")) box.checked = false;
    });
    document.querySelector(`.overlay-${which}`)?.addEventListener("click", (event) => {
      event.preventDefault();
      box.checked = false;
      document.querySelector(`.${which}-toggle`)?.focus({ preventScroll: true });
    });
  }
}
