"use strict";
// How far a chapter has been read, as a line at the top; and a tick for each that was read to its end.
// What was read is kept in this browser alone.
{
  const KEY = "adamtut.read";
  const load = () => {
    try { return new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]")); } catch { return new Set(); }
  };
  const store = read => {
    try { localStorage.setItem(KEY, JSON.stringify([...read])); } catch { /* it may be forbidden */ }
  };
  const chapter = link => link.dataset.chapter ?? link.pathname.split("/").pop().replace(/\.html$/, "");

  function tick() {
    const read = load();
    for (const link of document.querySelectorAll(".bd-sidebar-primary .toctree-l1 > a, .chapter-card")) {
      const has = link.querySelector(".read");
      if (read.has(chapter(link)) === Boolean(has)) continue;
      if (has) has.remove();
      else link.insertAdjacentHTML("beforeend", ' <span class="read" title="read">✓</span>');
    }
    const forget = document.querySelector(".forget");
    if (forget) forget.hidden = !read.size;
  }

  const strip = document.querySelector(".strip");
  if (strip) {
    const line = document.createElement("div");
    line.className = "so-far";
    document.body.append(line);
    const article = document.querySelector("article");
    const follow = () => {
      const { top, height } = article.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, -top / (height - innerHeight)));
      line.style.transform = `scaleX(${share})`;
    };
    addEventListener("scroll", follow, { passive: true });
    addEventListener("resize", follow);
    follow();
    const end = document.querySelector(".prev-next-footer");
    new IntersectionObserver(seen => {
      if (!scrollY || !seen.some(({ isIntersecting }) => isIntersecting)) return;
      store(load().add(strip.dataset.chapter));
      tick();
    }).observe(end);
  }

  document.querySelector(".forget button")?.addEventListener("click", () => {
    store(new Set());
    tick();
  });
  tick();
}
