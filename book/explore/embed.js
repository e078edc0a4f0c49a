"use strict";
// On a page of the book: puts each explorable in the place of its poster, tells it the theme, and
// gives it the height that it asks for. Both may be files, so that they can only send messages.
{
  const theme = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");

  function framed(place) {
    const frame = document.createElement("iframe");
    const { src, title } = place.dataset;
    frame.title = title;
    frame.name = place.closest("figure").id;  // a link may put another address into it
    frame.addEventListener("load", () => tell(frame));
    frame.loading = "lazy";
    frame.src = `${src}${src.includes("?") ? "&" : "?"}theme=${theme()}`;
    place.classList.add("live");
    place.append(frame);
    return frame;
  }
  const frames = [...document.querySelectorAll(".explorable")].map(framed);

  const tell = frame => frame.contentWindow.postMessage({ theme: theme() }, "*");

  addEventListener("message", ({ source, data }) => {
    const frame = frames.find(({ contentWindow }) => contentWindow === source);
    if (!frame || !Number.isFinite(data?.explorable)) return;
    frame.style.height = `${data.explorable}px`;
    if (!frame.parentElement.classList.contains("ready")) tell(frame);  // it may have changed
    frame.parentElement.classList.add("ready");
  });
  new MutationObserver(() => frames.forEach(tell))
    .observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
