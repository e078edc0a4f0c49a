"use strict";
// What the explorables share: numbers, scales, axes, handles, controls, the address, the frame.
// A classic script with one global. Nothing here touches the document before it is called, so
// that tests can use the numbers under node.

const explore = (() => {
  // Numbers.

  const minus = text => text.replace("-", "−");

  const raised = exponent =>
    [...String(exponent)].map(c => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");

  // To so many figures, as one writes it: 0.05, 3,000, 2.9 × 10⁻⁸.
  function number(x, figures = 3) {
    if (Number.isNaN(x)) return "not a number";
    if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
    const [mantissa, exponent] = x.toExponential(figures - 1).split("e").map(Number);
    if (x === 0 || (exponent >= -3 && exponent < 6)) {
      const rounded = Number(x.toPrecision(figures));
      return minus(rounded.toLocaleString("en-US", { maximumFractionDigits: 9 }));
    }
    return minus(mantissa === 1 ? "" : `${mantissa} × `) + `10${raised(exponent)}`;
  }

  // With so many decimals, for numbers that stand below each other: −0.05, 3,000.00.
  function fixed(x, decimals = 2) {
    if (!Number.isFinite(x) || Math.abs(x) >= 1e6) return number(x);
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    const text = x.toLocaleString("en-US", digits);
    return minus(/[1-9]/.test(text) ? text : text.replace("-", ""));
  }

  // Round numbers from low to high, so that every decade gets its share of a slider.
  function ladder(low, high, mantissas = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8]) {
    const found = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
      found.push(...mantissas.map(m => Number(`${m}e${e}`)));
    }
    return found.filter(x => x >= low && x <= high);
  }

  const range = (low, high, step = 1) =>
    Array.from({ length: Math.round((high - low) / step) + 1 },
      (_, i) => Number((low + i * step).toPrecision(12)));

  function nearest(values, x) {
    const away = values.map(value => Math.abs(value - x));
    return away.indexOf(Math.min(...away));
  }

  // Of the round numbers up to `most`, the largest.
  const roundest = most => ladder(most / 10, most, [1, 1.5, 2, 3, 4, 5, 6, 8]).at(-1);

  const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

  // A text of the address as a number within bounds, or undefined.
  function within(text, low, high) {
    const x = Number(text);
    return text && Number.isFinite(x) ? clamp(x, low, high) : undefined;
  }

  // Standard normal numbers, the same for the same seed on every machine.
  function normals(seed) {
    let state = seed;
    function uniform() {
      state = (state + 0x6d2b79f5) | 0;
      let x = Math.imul(state ^ (state >>> 15), state | 1);
      x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
      return (((x ^ (x >>> 14)) >>> 0) + 0.5) / 2 ** 32;
    }
    return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  // The settings of rules.

  const MEMORIES = [
    0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98,
    0.985, 0.99, 0.993, 0.995, 0.997, 0.998, 0.999, 0.9995, 0.9999,
  ];
  const LETTERS = {
    beta: "β", beta1: "β₁", beta2: "β₂", rho: "ρ", eps: "ε", base: "base", alpha: "α of the rule",
    momentum_decay: "decay of the momentum", corrected: "corrected",
  };

  // One entry for each number that can be set; betas are two. A schedule is left as it is.
  function settings(rule) {
    const found = [];
    for (const [name, value] of Object.entries(adamtut.about[rule].defaults)) {
      const parts = Array.isArray(value) ? value : [value];
      parts.forEach((start, i) => {
        const key = parts.length > 1 ? `${name.replace(/s$/, "")}${i + 1}` : name;
        const label = LETTERS[key] ?? key;
        if (typeof start === "boolean") found.push({ key, label, start, values: [false, true] });
        if (typeof start === "number") found.push({ key, label, start, values: rungs(key, start) });
      });
    }
    return found;
  }

  function rungs(key, start) {
    const values = /^(beta|rho)/.test(key) ? MEMORIES
      : key === "eps" ? [0, ...ladder(1e-10, 10, [1, 3])]
      : ladder(start / 100, start * 100);
    return [...new Set([...values, start])].sort((a, b) => a - b);
  }

  // What a rule takes as its settings, from numbers by key; a rule leaves out what it does not have.
  function assembled(rule, chosen) {
    const own = {};
    for (const [name, value] of Object.entries(adamtut.about[rule].defaults)) {
      if (Array.isArray(value)) {
        own[name] = value.map((start, i) => chosen[`${name.replace(/s$/, "")}${i + 1}`] ?? start);
      } else if (name in chosen) own[name] = chosen[name];
    }
    return own;
  }

  // Scales and axes.

  const WARPS = {
    linear: [x => x, x => x],
    log: [Math.log10, x => 10 ** x],
    root: [Math.sqrt, x => x ** 2],
  };

  // From values to pixels, scale(x), and back, scale.invert(pixel).
  function scale(domain, range, kind = "linear") {
    const [warp, unwarp] = WARPS[kind], start = warp(domain[0]);
    const unit = (range[1] - range[0]) / (warp(domain[1]) - start);
    const pixel = x => range[0] + unit * (warp(x) - start);
    const invert = p => unwarp(start + (p - range[0]) / unit);
    return Object.assign(pixel, { domain, range, kind, invert });
  }

  // At most so many round numbers in the domain; of a log scale powers of ten.
  function ticks({ domain: [low, high], kind }, count = 5) {
    if (kind === "log") {
      const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
      const every = Math.max(1, Math.ceil((last - first + 1) / count));
      return range(first, last).filter(e => e % every === 0).map(e => Number(`1e${e}`));
    }
    const unit = 10 ** Math.floor(Math.log10((high - low) / count));
    const step = unit * [1, 2, 5, 10].find(f => (high - low) / (f * unit) <= count);
    const first = Math.ceil(low / step - 1e-9);
    return range(first, Math.floor(high / step + 1e-9)).map(i => Number((i * step).toPrecision(12)));
  }

  // An axis as SVG: a hairline and a label at each tick. Left: labels end at `at`, hairlines go
  // from there to `end`. Bottom: short strokes and labels hang below `at`.
  function axis(side, scale, { at, end = at, marks = ticks(scale), text = number }) {
    const round = x => Math.round(scale(x)) + 0.5;
    return marks.map(x => side === "left"
      ? `<path class="hair" d="M${at} ${round(x)}H${end}"/>`
        + `<text class="tick" x="${at - 6}" y="${round(x) + 4}" text-anchor="end">${text(x)}</text>`
      : `<path class="stroke" d="M${round(x)} ${at}v4"/>`
        + `<text class="tick" x="${round(x)}" y="${at + 17}" text-anchor="middle">${text(x)}</text>`
    ).join("");
  }

  // A polyline as the d of an SVG path; what is not finite is left out.
  const line = points => points.filter(p => p.every(Number.isFinite))
    .map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

  // Elements.

  const maker = space => (tag, { on = {}, ...attributes } = {}, ...children) => {
    const node = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
    node.append(...children);
    return node;
  };
  const html = maker("http://www.w3.org/1999/xhtml");
  const svg = maker("http://www.w3.org/2000/svg");

  const place = (event, element) => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  // Touch that begins here does not scroll the page. The style touch-action would say the same, but
  // Chromium does not heed it within an SVG.
  const holdTouch = (node, when = () => true) => node.addEventListener("touchstart", event => {
    if (when()) event.preventDefault();
  }, { passive: false });

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

  // A disc in an SVG to be dragged, or moved with the arrow keys. `drag` is given the point in
  // pixels, `nudge` the direction (up is positive) and whether Shift was held. Touch scrolls the
  // page everywhere but here.
  function handle(parent, { label, drag, nudge, release = () => {} }) {
    need(label);
    const node = svg("g",
      { class: "handle", role: "slider", tabindex: 0, "aria-label": label },
      svg("circle", { class: "reach", r: 16 }), svg("circle", { class: "knob", r: 7 }));
    parent.append(node);
    let grip = null, at = [0, 0];
    node.addEventListener("pointerdown", event => {
      if (event.button !== 0) return;
      const [x, y] = place(event, node.ownerSVGElement);
      grip = [at[0] - x, at[1] - y];
      node.setPointerCapture(event.pointerId);
      node.focus({ preventScroll: true });
      event.preventDefault();
      event.stopPropagation();
    });
    holdTouch(node);
    node.addEventListener("pointermove", event => {
      if (!grip) return;
      const [x, y] = place(event, node.ownerSVGElement);
      drag(x + grip[0], y + grip[1]);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      node.addEventListener(end, () => { if (grip) release(); grip = null; });
    }
    node.addEventListener("keydown", event => {
      const direction = ARROWS[event.key];
      if (!direction || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      nudge(...direction, event.shiftKey);
    });
    return {
      node,
      // Where it is in pixels, and what it says: the number, its range and the words.
      move(x, y, [now, low, high], words) {
        at = [x, y];
        node.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
        node.setAttribute("aria-valuenow", now);
        node.setAttribute("aria-valuemin", low);
        node.setAttribute("aria-valuemax", high);
        node.setAttribute("aria-valuetext", words);
      },
    };
  }

  // Controls. Each has its element as `node` and `set(value)` to show a value.

  let controls = 0;

  function need(label) {
    if (!label) throw new Error("a control needs a label: what does it set?");
    return label;
  }

  // Along a ladder of values. A value between two of them is shown as it is.
  function slider({ label, values, text = number, change }) {
    const id = `control-${++controls}`;
    const input = html("input", { type: "range", id, min: 0, max: values.length - 1, step: 1,
      on: { input: () => change(values[input.value]) } });
    const value = html("span", { class: "value", "aria-hidden": true });
    const name = html("label", { for: id }, need(label));
    return {
      node: html("div", { class: "slider" }, name, value, input),
      set(x) {
        input.value = nearest(values, x);
        value.textContent = text(x);
        input.setAttribute("aria-valuetext", text(x));
      },
    };
  }

  // One of several, as {value: words}.
  function select({ label, hidden = false, options, change }) {
    const id = `control-${++controls}`;
    const entries = Object.entries(options).map(([value, text]) => html("option", { value }, text));
    const list = html("select", { id, on: { change: () => change(list.value) } }, ...entries);
    const name = html("label", { for: id, class: hidden ? "unseen" : "" }, need(label));
    return {
      node: html("span", { class: "select" }, name, list),
      set(value) { list.value = value; },
    };
  }

  function check({ label, change }) {
    const input = html("input",
      { type: "checkbox", on: { change: () => change(input.checked) } });
    return {
      node: html("label", { class: "check" }, input, need(label)),
      set(on) { input.checked = on; },
    };
  }

  // `sign` stands on it where the label would be too long.
  function button({ label, sign, press }) {
    const node = html("button", { type: "button", on: { click: press } }, sign ?? need(label));
    if (sign) node.setAttribute("aria-label", need(label));
    return { node, set(text) { node.textContent = text; } };
  }

  // One of several, all in sight.
  function choice({ label, options, change }) {
    const buttons = Object.entries(options).map(([value, text]) =>
      [value, html("button", { type: "button", on: { click: () => change(value) } }, text)]);
    return {
      node: html("div", { class: "choice", role: "group", "aria-label": need(label) },
        ...buttons.map(([, node]) => node)),
      set(chosen) {
        for (const [value, node] of buttons) node.setAttribute("aria-pressed", value === chosen);
      },
    };
  }

  // Play, pause and single steps through 0, 1 … last(), in about five seconds.
  function player({ get, set, last }) {
    let clock = null;
    const toggle = button({ label: "Play", press: () => (clock ? pause() : play()) });
    function pause() {
      clearInterval(clock);
      clock = null;
      toggle.set("Play");
      set(get());
    }
    function play() {
      if (get() >= last()) set(0);
      clock = setInterval(() => {
        if (get() < last()) set(get() + 1);
        else pause();
      }, clamp(5000 / last(), 25, 250));
      toggle.set("Pause");
    }
    const step = by => () => {
      if (clock) pause();
      set(clamp(get() + by, 0, last()));
    };
    const back = button({ label: "One step back", sign: "‹", press: step(-1) });
    const on = button({ label: "One step on", sign: "›", press: step(1) });
    const node = html("div", { class: "player", role: "group", "aria-label": "Steps" },
      toggle.node, back.node, on.node);
    return { node, pause, playing: () => clock !== null };
  }

  // How a rule is drawn, as a short line for texts.
  function swatch(rule) {
    const stroke = svg("path", { d: "M1 5H27", class: "rule", style: look(rule) });
    return svg("svg", { class: "swatch", width: 28, height: 10, "aria-hidden": true }, stroke);
  }

  const look = rule => {
    const dash = adamtut.about[rule].dash;
    return `stroke:var(--${rule})${dash ? `;stroke-dasharray:${dash}` : ""}`;
  };

  // For screen readers, at most four times a second.
  function speaker() {
    const region = html("div", { class: "unseen", "aria-live": "polite", role: "status" });
    document.body.append(region);
    let spoken = 0, waiting;
    return text => {
      clearTimeout(waiting);
      const speak = () => {
        spoken = Date.now();
        region.textContent = text;
      };
      waiting = setTimeout(speak, Math.max(0, spoken + 250 - Date.now()));
    };
  }

  // The address. `encode()` gives the state as {key: text}; `decode({key: text})` takes over what
  // it knows. The query is where a picture begins; what is changed goes behind the #.
  function address(encode, decode) {
    const read = text => Object.fromEntries(new URLSearchParams(text.slice(1)));
    const { theme, poster, ...given } = read(location.search);
    decode(given);
    const begin = encode();
    for (const [key, text] of Object.entries(given)) {
      if (begin[key] !== text) console.warn(`${key}=${text} in the address means nothing here`);
    }
    decode(read(location.hash));
    let waiting;
    const changes = () => {
      const all = Object.entries(encode()).filter(([key, value]) => value !== begin[key]);
      return all.map(([key, value]) => `${key}=${value}`).join("&");
    };
    const write = () => {
      const changed = changes(), [before] = location.href.split("#");
      history.replaceState(null, "", changed ? `#${changed}` : before);
      for (const alone of document.querySelectorAll("a.alone")) alone.href = location.href;
    };
    // Another address typed in, or a step back.
    addEventListener("hashchange", () => location.reload());
    return {
      // Browsers refuse hundreds of changes a minute.
      save() {
        clearTimeout(waiting);
        waiting = setTimeout(write, 300);
      },
      reset() { decode(begin); },
    };
  }

  const query = () => new URLSearchParams(location.search);

  // The book's colours on a dark ground: what the filter of its figures makes of them,
  // invert(0.93) hue-rotate(180deg).
  function turned(colour) {
    const [r, g, b] = [1, 3, 5].map(i => 0.93 - 0.86 * (parseInt(colour.slice(i, i + 2), 16) / 255));
    const rows = [[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]];
    const parts = rows.map(row => clamp(row[0] * r + row[1] * g + row[2] * b, 0, 1));
    return `#${parts.map(x => Math.round(255 * x).toString(16).padStart(2, "0")).join("")}`;
  }

  // Draws at most once a frame, however often it is asked to.
  function soon(draw) {
    let asked = false;
    return () => {
      if (!asked) requestAnimationFrame(() => {
        asked = false;
        draw();
      });
      asked = true;
    };
  }

  // The theme is the embedding page's, which says it in the address and in messages, or else the
  // reader's own. The embedding page is told the height. `redraw` runs when the width, and
  // `recolour` when the theme has changed.
  function frame({ redraw, recolour = () => {} }) {
    const root = document.documentElement, preferred = matchMedia("(prefers-color-scheme: dark)");
    let asked = query().get("theme");
    function dress() {
      const dark = asked ? asked === "dark" : preferred.matches;
      root.dataset.theme = dark ? "dark" : "light";
      for (const [rule, { colour }] of Object.entries(adamtut.about)) {
        root.style.setProperty(`--${rule}`, dark ? turned(colour) : colour);
      }
      recolour();
    }
    if (query().has("poster")) root.classList.add("poster");
    if (window.parent !== window) root.classList.add("framed");
    preferred.addEventListener("change", dress);
    addEventListener("message", event => {
      if (event.source !== window.parent || !["light", "dark"].includes(event.data?.theme)) return;
      asked = event.data.theme;
      dress();
    });
    dress();
    let width = 0;
    new ResizeObserver(() => {
      if (document.body.clientWidth && width !== document.body.clientWidth) {
        width = document.body.clientWidth;
        redraw();
      }
      const height = Math.ceil(document.body.getBoundingClientRect().height);
      window.parent.postMessage({ explorable: height }, "*");
    }).observe(document.body);
  }

  return {
    number, fixed, ladder, range, nearest, roundest, clamp, within, normals, settings, assembled,
    scale, ticks, axis, line, html, svg, place, holdTouch, handle,
    slider, select, check, button, choice, player, swatch, look, speaker,
    address, query, turned, soon, frame,
  };
})();
