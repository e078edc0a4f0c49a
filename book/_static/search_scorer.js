// How the search ranks what it finds. A page whose title holds all the words comes first, before the
// entry of the glossary. Sphinx asks whether the name is taken, so it must be a `var`.
var Scorer = {
  score: ([page, title, anchor, description, score]) => {
    const asked = new URLSearchParams(location.search).get("q") || "";
    const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
    return words.every((word) => title.toLowerCase().includes(word)) ? score + 1000 : score;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
