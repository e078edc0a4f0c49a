// What is shown under a search result, and how long its words stay marked. Loaded on the search page
// after Sphinx's searchtools.js, whose `Search` this changes.
{
  const SUB = "0₀1₁2₂3₃4₄5₅6₆7₇8₈9₉+₊−₋-₋=₌(₍)₎aₐeₑhₕiᵢjⱼkₖlₗmₘnₙoₒpₚrᵣsₛtₜuᵤvᵥxₓ";
  const SUPER = "0⁰1¹2²3³4⁴5⁵6⁶7⁷8⁸9⁹+⁺−⁻-⁻=⁼(⁽)⁾iⁱkᵏnⁿtᵗ";
  const ACCENTS = { "^": "\u0302", "ˉ": "\u0304", "~": "\u0303" };
  // The title stands above; what is folded is code that nobody sees.
  const DROPPED =
    ".headerlink, script, style, button, h1, .strip, .predict .label, details.check, details.hide";
  const LENGTH = 240, BEFORE = 80;

  // Every letter raised or lowered, or all of them after a sign where one has no such form.
  const shifted = (text, letters, sign) => {
    const found = [...text].map((letter) => letters[letters.indexOf(letter) + 1]);
    const known = [...text].every((letter) => letters.indexOf(letter) % 2 === 0);
    return known ? found.join("") : sign + grouped(text);
  };
  const grouped = (text) => (/^.[\u0302-\u0304₀-ₜ]*$/u.test(text) ? text : `(${text})`);

  // A formula in a line of text. The page has it as MathML, as LaTeX and in the letters one sees.
  const say = (node) => {
    const parts = [...node.children].map(say);
    switch (node.localName) {
      case "annotation": return "";
      case "mspace": return " ";
      case "msub": return parts[0] + shifted(parts[1], SUB, "_");
      case "msup": return parts[0] + shifted(parts[1], SUPER, "^");
      case "msubsup": return parts[0] + shifted(parts[1], SUB, "_") + shifted(parts[2], SUPER, "^");
      case "msqrt": return "√" + grouped(parts.join(""));
      case "mfrac": return parts.map(grouped).join("/");
      case "mover": return parts[0] + (ACCENTS[parts[1]] || "");
      default: return parts.length ? parts.join("") : node.textContent.replace(/[\u2061\u200b]/g, "");
    }
  };

  const words = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const article = page.querySelector("article") || page.body;
    const found = anchor && page.getElementById(anchor.slice(1));
    // A term of the glossary has its name there, and what it means after it; an entry of the index
    // has an empty place before its heading.
    const place = found?.localName === "span" ? found.closest("section") : found;
    const part = (place?.localName === "dt" ? place.nextElementSibling : place) || article;
    for (const e of part.querySelectorAll(DROPPED)) e.remove();
    for (const e of part.querySelectorAll(".katex-display")) e.replaceWith(" … ");
    for (const e of part.querySelectorAll(".katex")) e.replaceWith(say(e.querySelector("math")));
    // Without it the last word of a block and the first of the next are one.
    for (const e of part.querySelectorAll("p, li, td, th, dt, pre, h2, h3, h4")) e.append(" ");
    return part.textContent.replace(/\s+/g, " ").trim();
  };

  // Whole words around the first place that has one of the words looked for.
  Search.makeSearchSummary = (html, keywords, anchor) => {
    const text = words(html, anchor), lower = text.toLowerCase();
    const places = [...keywords].map((word) => lower.indexOf(word)).filter((place) => place >= 0);
    const place = Math.max(0, (places.length ? Math.min(...places) : 0) - BEFORE);
    const start = place && text.indexOf(" ", place) + 1;
    const end = text.length > start + LENGTH ? text.lastIndexOf(" ", start + LENGTH) : text.length;
    const summary = document.createElement("p");
    summary.className = "context";
    const cut = [start ? "… " : "", text.slice(start, end), end < text.length ? " …" : ""];
    summary.textContent = cut.join("");
    return summary;
  };

  // A question of several words finds the headings that have them all, the shortest first. Sphinx
  // looks for the question as it is typed, in titles at most twice as long.
  const HEADINGS = 5;
  const perform = Search._performSearch;
  Search._performSearch = (query, terms, ...others) => {
    const found = perform(query, terms, ...others);
    if (!/\S[\s-]+\S/.test(query) || !terms.size) return found;
    const { alltitles, docnames, filenames, titles } = Search._index, stemmer = new Stemmer();
    const headings = [];
    for (const [title, places] of Object.entries(alltitles)) {
      const stems = splitQuery(title.toLowerCase()).map((word) => stemmer.stemWord(word));
      if (![...terms].every((term) => stems.includes(term))) continue;
      for (const [file, id] of places) {
        if (id === null || titles[file] === title) continue;
        const name = `${titles[file]} > ${title}`;
        headings.push([docnames[file], name, `#${id}`, null, -stems.length, filenames[file]]);
      }
    }
    const best = headings.sort((a, b) => b[4] - a[4]).slice(0, HEADINGS).reverse();
    const isBest = (one) => best.some((other) => one[0] === other[0] && one[2] === other[2]);
    const rest = found.filter((one) => !isBest(one));
    const pages = rest.filter((one) => one[4] >= 1000 && !one[2]);
    return [...rest.filter((one) => !pages.includes(one)), ...best, ...pages];
  };

  // The words are marked on the page of a result, and not on one that the reader goes to instead.
  const KEY = "sphinx_highlight_terms";
  const parse = Search._parseQuery;
  let asked = "";
  Search._parseQuery = (query) => {
    const parsed = parse(query);
    asked = [...parsed[3]].join(" ");
    localStorage.removeItem(KEY);
    return parsed;
  };
  const mark = ({ target }) => {
    if (target.closest("#search-results a")) localStorage.setItem(KEY, asked);
  };
  addEventListener("click", mark);
  addEventListener("auxclick", mark);
}
