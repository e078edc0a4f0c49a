"use strict";
// A click on a figure opens it above the page, as large as it was drawn, with its caption. Without
// this, the link around it leads to the bare picture.
{
  let dialog = null;

  function made() {
    const box = document.createElement("dialog");
    box.className = "lightbox";
    box.innerHTML = '<form method="dialog"><button>Close</button></form><div tabindex="0"></div><p></p>';
    box.addEventListener("click", event => { if (event.target === box) box.close(); });
    document.body.append(box);
    return box;
  }

  function open(link) {
    dialog ??= made();
    const picture = link.querySelector("img"), caption = link.closest("figure")?.querySelector("figcaption p");
    const large = picture.cloneNode();
    large.removeAttribute("loading");
    large.removeAttribute("style");
    large.style.width = picture.style.width;  // as drawn; the page may have less room
    dialog.setAttribute("aria-label", caption ? caption.querySelector(".caption-number")?.textContent.trim() || "Figure" : "Figure");
    dialog.querySelector("div").replaceChildren(large);
    dialog.querySelector("p").innerHTML = caption?.innerHTML ?? "";
    for (const anchor of dialog.querySelectorAll("p .headerlink")) anchor.remove();
    dialog.showModal();
  }

  for (const link of document.querySelectorAll("a.image-reference:has(img)")) {
    link.addEventListener("click", event => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;  // a tab of its own, as ever
      event.preventDefault();
      open(link);
    });
  }
}
