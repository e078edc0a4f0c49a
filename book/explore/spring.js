"use strict";
// What spring.html, oscillator.html and row.html share.
//
// A coordinate with curvature λ moves as z² − bz + c = 0 has it, whose roots depend on p = αλ and β:
// θ after t steps is a sum of their powers, and the larger root decides.

const FORMS = {
  momentum: { label: "heavy ball", b: (p, beta) => 1 + beta - p, c: (p, beta) => beta },
  nesterov: { label: "Nesterov", b: (p, beta) => (1 + beta) * (1 - p), c: (p, beta) => beta * (1 - p) },
  gd: { label: "gradient descent", b: (p, beta) => 1 + beta - p, c: (p, beta) => beta },  // β is 0
};

// The modulus of the larger root, and what the coordinate does.
function fate(rule, p, beta) {
  const b = FORMS[rule].b(p, beta), c = FORMS[rule].c(p, beta), inside = b * b - 4 * c;
  const modulus = inside < 0 ? Math.sqrt(c) : (Math.abs(b) + Math.sqrt(inside)) / 2;
  const kind = modulus > 1 + 1e-9 ? "diverges"
    : Math.abs(inside) < 1e-5 && beta > 0 ? "border"
    : inside < 0 ? "swings"
    : b > 0 ? "creeps" : "bounces";
  return { modulus, kind };
}

// Where the regions meet: p as a function of β.
const BORDERS = {
  momentum: [b => (1 - Math.sqrt(b)) ** 2, b => (1 + Math.sqrt(b)) ** 2, b => 2 + 2 * b],
  nesterov: [b => ((1 - b) / (1 + b)) ** 2, () => 1, b => (2 + 2 * b) / (1 + 2 * b)],
};
BORDERS.gd = BORDERS.momentum;

// The rate, times L, and β at which the worse of the two coordinates shrinks fastest; for Nesterov
// the usual pair, which is nearly that.
function best(rule, kappa) {
  const root = Math.sqrt(kappa), shrink = (root - 1) / (root + 1);
  if (rule === "gd") return { aL: 2 * kappa / (kappa + 1), beta: 0 };
  if (rule === "nesterov") return { aL: 1, beta: shrink };
  return { aL: 4 * kappa / (1 + root) ** 2, beta: shrink ** 2 };
}

// The way of a coordinate that begins at 1, at rest. The rule is the package's, the curvature 1.
// It ends early when two places in a row are next to nothing: so is then all that follows.
function motion(rule, p, beta, steps, least = 0) {
  const settings = rule === "gd" ? {} : { beta }, found = [1];
  let state = [], place = 1;
  for (let t = 1; t <= steps && Math.max(...found.slice(-2).map(Math.abs)) >= least; t++) {
    const [d, ...next] = adamtut.rules[rule](place, t, state, settings);
    state = next;
    place = place - p * d;
    found.push(place);
  }
  return found;
}

// The first step from which on it stays within 1 % of where it began; null if it is later than `most`.
function arrival(rule, p, beta, most = 5000) {
  const places = motion(rule, p, beta, most + 400, 1e-7);
  const last = places.findLastIndex(x => !(Math.abs(x) < 0.01));
  return last < most ? last + 1 : null;
}

// The least C for which ±C ρᵗ holds the whole way.
const bound = (places, modulus) =>
  Math.max(...places.map((x, t) => Math.abs(x) / modulus ** t).filter(Number.isFinite));

const WORDS = { creeps: "creeps", swings: "swings", bounces: "bounces", diverges: "diverges",
                border: "on the border" };

// The modulus of the larger root, and in words what a coordinate does.
function told(rule, p, beta) {
  const { modulus, kind } = fate(rule, p, beta), factor = `× ${explore.number(modulus)} a step`;
  if (kind === "diverges") return { modulus, words: `diverges, ${factor}` };
  const steps = modulus < 1 ? arrival(rule, p, beta) : null;
  const arrives = steps === null ? "1 % not in 5,000 steps"
    : `1 % after ${explore.number(steps, 6)} step${steps === 1 ? "" : "s"}`;
  return { modulus, words: `${WORDS[kind]}, ${factor}, ${arrives}` };
}
