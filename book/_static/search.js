"use strict";
// Finds the sections that answer a question, and shows the sentence in which its words stand. Loaded
// on the search page after Sphinx's searchtools.js, of which the field and the frame stay; what there
// is to find is in search_sections.js, which tools/sphinx/search.py writes.
{
  const LENGTH = 240, SHOWN = 30;
  // How much it counts that a word stands there.
  const TITLE = 3, INDEX = 2.5, TEXT = 1, PAGE = 0.4, WHOLE_TITLE = 2, ONE_SENTENCE = 1.5;
  // What answers comes before what tells, and that before what lists.
  const QUESTIONS = "book/questions";
  const KINDS = [
    [/^book\/questions#/, 1.5], [/^book\/glossary#/, 1.25],
    [/^book\/api/, 0.8], [/^book\/(ledger|bibliography)#/, 0.3],
    [/#(Exercise|Solution to Exercise) /, 0.6],
    [/#(Statements on trial|History and references)$/, 0.5],
  ];
  const LISTS = 0.5, GUESSED = 0.5, WEAK = 0.15, ASKING = 0.1;

  // Words.

  // One thing under two names.
  const ALIASES = {
    eps: "epsilon", epsilon: "eps", lr: "rate", fp16: "float16", bf16: "bfloat16", tf: "tensorflow",
    torch: "pytorch", pytorch: "torch", optim: "optimizer", wd: "decay",
  };
  // How one asks is not what one asks for.
  const ASKS = new Set(("how many much what why when which who do does did am can could should would"
    + " i me my we you your vs versus best good right").split(" "));
  const GREEK = {
    α: "alpha", β: "beta", γ: "gamma", δ: "delta", ε: "epsilon", ϵ: "epsilon", η: "eta", θ: "theta",
    κ: "kappa", λ: "lambda", μ: "mu", ρ: "rho", σ: "sigma",
  };
  const TOKEN = /\d+\.\d+|[\p{L}\p{N}_]+/gu;
  const plain = (text) =>
    text.normalize("NFKC").toLowerCase().replace(/[α-ωϵ]/g, (letter) => GREEK[letter] ?? letter)
      // doesn't, doesnt
      .replace(/\b(does|do|did|is|are|has|have|was)n['’]?t\b/g, "$1 not");
  // warm-up is warmup and warm up, exp_avg is exp and avg too.
  const opened = (text) =>
    plain(text).replace(/\p{L}[\p{L}\p{N}]*(?:[-_][\p{L}\p{N}]+)+/gu, (word) =>
      `${word.includes("_") ? word : word.replaceAll("-", "")} ${word.replace(/[-_]/g, " ")}`);
  // As Americans spell it, and slow for slowly, though not app for apply.
  const american = (word) => word.replace(/(?<=\w{4})(?<!p)ly$/, "")
    .replace(/is(e|ed|es|er|ers|ing|ations?)$/, "iz$1").replace(/(?<=\w{3})our/, "or")
    .replace(/tre(s|d)?$/, "ter$1").replace(/ll(ed|ing)$/, "l$1");
  const stemmer = new Stemmer();
  const stem = (word) => stemmer.stemWord(american(word));

  // Letters to add, leave out, replace or exchange with the next, to make one word of another.
  const edits = (one, other, most) => {
    if (Math.abs(one.length - other.length) > most) return most + 1;
    let before = [], above = Array.from({ length: other.length + 1 }, (_, j) => j);
    for (let i = 1; i <= one.length; i++) {
      const row = [i];
      for (let j = 1; j <= other.length; j++) {
        row[j] = Math.min(
          above[j] + 1, row[j - 1] + 1, above[j - 1] + (one[i - 1] !== other[j - 1]));
        if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
          row[j] = Math.min(row[j], before[j - 2] + 1);
      }
      [before, above] = [above, row];
    }
    return above[other.length];
  };

  // The book.

  let sections = [];
  const known = new Set(); // the words of the book
  const forms = new Map(); // a stem → those that have it

  Search.setIndex = (pages) => {
    // A heading with nothing of its own below it is no place to land.
    const holds = (head) => ([, title, , text, code]) => text || code || title === head;
    const all = pages.flatMap(([page, head, parts]) =>
      parts.filter(holds(head)).map((part) => [page, head, ...part]));
    sections = all.map(([page, head, anchor, title, words, text, code]) => {
      const kind = KINDS.find(([pattern]) => pattern.test(`${page}#${title}`))?.[1] ?? 1;
      const isFirst = title === head;
      return {
        page, head, anchor: isFirst ? "" : `#${anchor}`, title, text,
        in: {
          title: opened(title), words: opened(words), text: opened(`${text} ${code}`),
          head: opened(head),
        },
        kind, isFirst,
      };
    });
    for (const { in: { title, words, text } } of sections)
      for (const part of [title, words, text])
        for (const [word] of part.matchAll(TOKEN)) known.add(word);
    for (const word of known) {
      const root = stem(word);
      if (!forms.has(root)) forms.set(root, []);
      forms.get(root).push(word);
    }
    Search._index = sections;
    if (Search._queued_query !== null) Search.query(Search._queued_query);
    Search._queued_query = null;
  };

  const BOUND = "[\\p{L}\\p{N}_]";
  const pattern = (words) =>
    new RegExp(`(?<!${BOUND})(?:${words.map(_escapeRegExp).join("|")})(?!${BOUND})`, "gu");
  const places = (words) => {
    const looks = pattern(words);
    const has = ({ in: { title, words, text } }) =>
      [title, words, text].some((part) => part.search(looks) >= 0);
    return words.length ? sections.filter(has).length : 0;
  };

  // The words of the book that are misspelt so, or nearly so. Short words have many neighbours: stuck
  // is no stack and masked not asked, so there only letters that changed places, or one too many or
  // too few behind the first, are taken for a slip.
  const letters = (word) => [...word].sort().join("");
  const isSlip = (word, other) => word[0] === other[0]
    && (word.length !== other.length || letters(word) === letters(other));
  const near = (word) => {
    const most = word.length > 6 ? 2 : word.length > 3 ? 1 : 0;
    for (let n = 1; n <= most; n++) {
      const isNear = (other) => /^\p{L}{3,}/u.test(other) && edits(word, other, n) === n
        && (word.length > 6 || isSlip(word, other));
      const found = [...known].filter(isNear);
      if (found.length) return found;
    }
    return [];
  };

  // The words of the book that a word of the question means: the same in another form; or begun, or
  // misspelt. A short form that few places have may be of another word, as bais is of the name Bai.
  const FEW = 4, LONG = 4;
  const meant = (word) => {
    const same = (other) => forms.get(stem(other)) ?? [];
    const found = [...same(word), ...(ALIASES[word] ? same(ALIASES[word]) : [])];
    if (known.has(word) || places(found) >= FEW || stem(word).length > LONG && found.length)
      return { words: found };
    const begun = word.length > 2 ? [...known].filter((other) => other.startsWith(word)) : [];
    if (!found.length && begun.length) return { words: begun };
    const others = near(word);
    return { words: [...found, ...others.flatMap(same)], instead: others[0] };
  };

  // The words of a question, and what each is worth: the more, the fewer sections have it.
  const terms = (query) => {
    const typed = [...new Set(plain(query).match(TOKEN) ?? [])]
      .filter((word) => !stopwords.includes(word) && !/^\d$/.test(word));
    const isTopic = (word) => !ASKS.has(word) || typed.every((other) => ASKS.has(other));
    return typed.map((word) => {
      const { words, instead } = meant(word), count = places(words), topic = isTopic(word);
      const sure = (instead ? GUESSED : 1) * (topic ? 1 : ASKING);
      const worth = count && sure * Math.log(1 + sections.length / count);
      return { word, words, instead, looks: pattern(words), worth, topic };
    });
  };

  const has = (text, { looks }) => text.search(looks) >= 0;
  const sum = (terms) => terms.reduce((all, { worth }) => all + worth, 0);
  const sentences = (text) =>
    text.split(/\n|(?<=[.?!]["”)]?) (?![a-z])/).filter((part) => part.trim());

  // The sentence that has the most of the words, and what follows it.
  const excerpt = (section, terms) => {
    const parts = sentences(section.text);
    const values = parts.map((part) => {
      const text = opened(part);
      return sum(terms.filter((term) => has(text, term)));
    });
    const most = Math.max(0, ...values), start = Math.max(0, values.indexOf(most));
    return { worth: most, start, parts };
  };

  const judge = (section, terms, all, phrase) => {
    const { title, words, text, head } = section.in;
    let score = 0;
    const found = terms.filter((term) => {
      const times = (text.match(term.looks) ?? []).length;
      const here = (has(title, term) && TITLE) + (has(words, term) && INDEX)
        + TEXT * times / (times + 1 + text.length / 1500);
      score += term.worth * (here || (has(head, term) && PAGE));
      return here;
    });
    const topics = terms.filter(({ topic }) => topic);
    const lacks = topics.filter((term) => !found.includes(term));
    if (lacks.length === topics.length) return null;
    const titled = found.filter((term) => has(title, term));
    const length = [...title.matchAll(TOKEN)].filter(([w]) => !stopwords.includes(w)).length;
    score += WHOLE_TITLE * sum(titled) * Math.min(1, titled.length / length || 0);
    const { worth, start, parts } = excerpt(section, found);
    score += ONE_SENTENCE * worth;
    // A word that is missing costs more than any that stands in a better place gains.
    const share = sum(found) / all;
    // Who types a name wants the page that is called so, and not its entry elsewhere.
    const isCalledSo = topics.every((term) => titled.includes(term));
    const isNamed = section.isFirst && isCalledSo;
    const total = score * share ** 3 * section.kind;
    // Who types several words has a question: an answer with all of them comes before what has them
    // by the way, though not before what is called so.
    const isWhole = topics.length > 1 && !lacks.length;
    const answers = isWhole && (section.page === QUESTIONS || isCalledSo);
    const shown = found.filter(({ topic }) => topic);
    // Several words that the index has as they were typed were put there for this question.
    const verbatim = phrase.includes(" ") && words.includes(phrase);
    const order = [isNamed, verbatim, answers, total].map(Number);
    return { section, found: shown, lacks, start, parts, score: total, order };
  };

  const search = (query) => {
    const asked = terms(query), usable = asked.filter(({ worth }) => worth), all = sum(usable);
    const phrase = plain(query).trim();
    const results = sections.map((s) => judge(s, usable, all, phrase)).filter(Boolean);
    results.sort((a, b) => {
      const i = a.order.findIndex((value, i) => value !== b.order[i]);
      return i < 0 ? 0 : b.order[i] - a.order[i];
    });
    const least = WEAK * Math.max(...results.map(({ score }) => score));
    const kept = results.filter(({ score }) => score >= least);
    // The rarest word that the first result lacks may be the one that matters.
    const [rarest] = (kept[0]?.lacks ?? []).toSorted((a, b) => b.worth - a.worth);
    const other = rarest
      && results.find(({ found, section }) => found.includes(rarest) && section.kind > LISTS);
    return { asked, results: other ? [...new Set([kept[0], other, ...kept])] : kept };
  };

  // The page.

  // The theme would mark which part of this page one reads, and takes the results for its contents.
  addEventListener("DOMContentLoaded", () => delete document.body.dataset.bsSpy);

  // Whole words, from the start of the sentence, or from before the first of the words in a long one.
  const shorten = ({ parts, start, found }) => {
    let text = (parts[start] ?? "").trim(), before = start ? "… " : "";
    let next = start + 1;
    while (next < parts.length && text.length + parts[next].length < LENGTH)
      text += ` ${parts[next++].trim()}`;
    if (text.length <= LENGTH) return before + text + (next < parts.length ? " …" : "");
    const lower = text.toLowerCase();
    const places = found.map(({ looks }) => lower.search(looks));
    const first = Math.min(...places.filter((place) => place >= 0), text.length - LENGTH);
    const from = first > LENGTH / 3 ? text.indexOf(" ", first - LENGTH / 3) + 1 : 0;
    if (from) before = "… ";
    const rest = text.slice(from);
    if (rest.length <= LENGTH) return before + rest;
    return `${before}${rest.slice(0, rest.lastIndexOf(" ", LENGTH))} …`;
  };

  // Whole words: eps is no part of steps.
  const highlighted = (text, terms) => {
    const words = terms.flatMap(({ words }) => words).filter((word) => word.length > 1);
    if (!words.length) return [text];
    return text.split(new RegExp(`(${pattern(words).source})`, "iu")).map((part, i) => {
      if (i % 2 === 0) return part;
      const mark = document.createElement("span");
      mark.className = "highlighted";
      mark.textContent = part;
      return mark;
    });
  };

  const show = (result) => {
    const { page, anchor, title, head } = result.section;
    const item = document.createElement("li");
    const link = item.appendChild(document.createElement("a"));
    link.href = `${page}${DOCUMENTATION_OPTIONS.LINK_SUFFIX}${anchor}`;
    link.textContent = anchor ? `${head} > ${title}` : title;
    const summary = item.appendChild(document.createElement("p"));
    summary.className = "context";
    summary.textContent = shorten(result);
    summary.replaceChildren(...highlighted(summary.textContent, result.found));
    if (result.lacks.length) {
      const words = result.lacks.map(({ word, instead }) => `“${instead ?? word}”`);
      const without = item.appendChild(document.createElement("p"));
      without.className = "without";
      without.textContent = `Without ${words.join(", ")}.`;
    }
    return item;
  };

  const counted = (count) => {
    if (!count) return "The search did not find a section with these words.";
    const sections = count === 1 ? "section" : "sections";
    return `Search finished: ${count} ${sections}${count > SHOWN ? `, the first ${SHOWN} below` : ""}.`;
  };

  // What was not looked for as it was typed.
  const remarks = (asked) => [
    ...asked.filter(({ instead }) => instead)
      .map(({ word, instead }) => `No page has “${word}”; looked for “${instead}”.`),
    ...asked.filter(({ words }) => !words.length).map(({ word }) => `No page has “${word}”.`),
  ];

  // The words are marked on the page of a result, and not on one that the reader goes to instead.
  const KEY = "sphinx_highlight_terms";
  let marked = "";

  // It weighs as much as a chapter, so it is asked for when there is a question.
  const perform = Search.performSearch;
  Search.performSearch = (query) => {
    perform(query);
    Search.loadIndex("search_sections.js");
  };
  Search.find = search;
  Search.query = (query) => {
    const { asked, results } = search(query);
    localStorage.removeItem(KEY);
    // There Sphinx marks parts of words too, and eps is one of steps.
    marked = asked.map(({ word, instead }) => instead ?? word).filter((word) => word.length > 3)
      .join(" ");
    Search.output.replaceChildren(...results.slice(0, SHOWN).map(show));
    _finishSearch(results.length);
    Search.status.innerText = counted(results.length);
    if (results.length) Search.status.append(` ${remarks(asked).join(" ")}`);
  };
  const mark = ({ target }) => {
    if (target.closest("#search-results a")) localStorage.setItem(KEY, marked);
  };
  addEventListener("click", mark);
  addEventListener("auxclick", mark);
}
