// How the search ranks what it finds. Sphinx gives an entry of the glossary 100; a chapter whose title
// holds the words comes before it. Sphinx asks whether the name is taken, so it must be a `var`.
var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 400,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
