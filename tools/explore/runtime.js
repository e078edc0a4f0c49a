// `adamtut.ops` on plain numbers, and what formulas take from Python itself.
const pi = Math.PI;
const abs = Math.abs;
const float = Number;
const range = (n) => [...Array(n).keys()];
const reversed = (list) => [...list].reverse();
const sqrt = Math.sqrt;
const cos = Math.cos;
const floor = Math.floor;
const maximum = (x, y) => (y > x ? y : x);
const minimum = (x, y) => (y < x ? y : x);
const sign = (x) => (x > 0) - (x < 0);
const where = (condition, x, y) => (condition ? x : y);

// Python's `x % y` has the sign of y, and `x // y` rounds down, where JavaScript cuts.
const $mod = (x, y) => {
  const rest = x % y;
  return rest && rest < 0 !== y < 0 ? rest + y : rest;
};
const $floordiv = (x, y) => Math.round((x - $mod(x, y)) / y);

// What Python's own call refuses would here become NaN without a word.
const $refuse = (about, why) => {
  throw new TypeError(`${about.name}: ${why}`);
};
const $kind = (x) => (Array.isArray(x) ? `[${x.map($kind).join(", ")}]` : typeof x);
const $settings = (about, settings = {}) => {
  const { defaults } = about;
  for (const [name, value] of Object.entries(settings)) {
    if (!Object.hasOwn(defaults, name))
      $refuse(about, `no setting ${name}; it has ${Object.keys(defaults).join(", ") || "none"}`);
    const kinds = defaults[name] === undefined ? ["number", "function"] : [$kind(defaults[name])];
    if (value !== undefined && !kinds.includes($kind(value)))
      $refuse(about, `${name} must be ${kinds.join(" or ")}, got ${$kind(value)} ${value}`);
  }
  for (const name in defaults) {
    if (defaults[name] === undefined && settings[name] === undefined)
      $refuse(about, `the setting ${name} is missing`);
  }
  return settings;
};
const $state = (about, g, t, state = []) => {
  const names = Object.keys(about.state);
  if (state.length > names.length)
    $refuse(about, `its state is [${names.join(", ")}], got ${state.length} numbers`);
  if ([g, t, ...state].some((x) => typeof x !== "number"))
    $refuse(about, `g, t and state must be numbers, got ${$kind([g, t, ...state])}`);
  return state;
};

// As `Schedule` calls its formula.
const $step = (about, t) => {
  if (typeof t !== "number") $refuse(about, `t must be a number, got ${$kind(t)} ${t}`);
  return maximum(1, t);
};
