// Predictions: a button for each answer, a word and a reply when one is chosen, then the explanation.
for (const box of document.querySelectorAll(".predict")) {
  const explanation = box.querySelector("details");
  const verdict = box.querySelector(".verdict");
  const replies = box.querySelectorAll(".replies > li");
  const buttons = [];

  const choose = (button, right, reply) => {
    for (const other of buttons) other.setAttribute("aria-pressed", other === button);
    button.classList.add("tried");
    // The list says "answer: verdict" and then the reply; here the answer is plain to see.
    const parts = [...reply.children].map((part) => part.cloneNode(true));
    const word = parts.shift().querySelector("strong:last-child");
    word.className = right ? "right" : "wrong";
    if (!parts[0].matches("p")) parts.unshift(document.createElement("p"));
    parts[0].prepend(word, " ");
    verdict.replaceChildren(...parts);
    explanation.open = true;
  };

  box.querySelectorAll(".answers > li").forEach((item, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", false);
    button.append(...item.firstElementChild.childNodes);
    button.addEventListener("click", () => choose(button, item.matches(".right"), replies[i]));
    buttons.push(button);
    item.replaceChildren(button);
  });
  box.classList.add("live");
}
