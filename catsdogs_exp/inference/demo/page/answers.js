// The probabilities of each run, and what its network sees.

import { showPicture } from "/ask.js";

const MOST = 10; // classes in full; of more, the most probable

const make = (tag, name = "", text = "") => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
};

const percent = (value) => `${(100 * value).toFixed(1)} %`;

export class Answers {
  // One run's card. `explain` is called with the number of the class whose evidence is to be shown.
  constructor(network, number, parent, explain) {
    this.network = network;
    this.number = number;
    this.label = null; // the class that is explained; null: the most probable one
    this.best = 0;
    const card = make("article", "card");
    card.append(make("h2", "run", network.name));
    parent.classList.toggle("several", number > 0);
    const row = make("div", "card-row");
    const figure = make("figure");
    this.view = make("img");
    this.view.alt = "";
    this.caption = make("figcaption", "quiet");
    figure.append(this.view, this.caption);
    this.list = make("ul", "classes");
    this.bars = network.labels.map((name, label) => {
      const item = make("li");
      const button = make("button", "class");
      button.type = "button";
      const text = make("span", "name", name);
      const value = make("span", "value");
      const bar = make("span", "bar");
      const fill = make("span", "fill");
      bar.append(fill);
      button.append(text, value, bar);
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        this.label = this.label === label ? null : label;
        explain();
      });
      item.append(button);
      this.list.append(item);
      return { item, button, value, fill };
    });
    row.append(figure, this.list);
    this.error = make("p", "alarm");
    this.error.hidden = true;
    card.append(row, this.error);
    parent.append(card);
  }

  show(prediction) {
    this.error.hidden = !prediction.error;
    this.error.textContent = prediction.error ?? "";
    this.list.hidden = Boolean(prediction.error);
    if (prediction.error) {
      this.spoken = `${this.network.name}: ${prediction.error}`;
      return;
    }
    const values = this.network.classes.map((name) => prediction.probabilities[name]);
    const order = values.map((_, label) => label).sort((a, b) => values[b] - values[a]);
    this.best = order[0];
    const shown = new Set(order.slice(0, MOST));
    this.bars.forEach(({ item, button, value, fill }, label) => {
      item.hidden = !shown.has(label);
      button.classList.toggle("best", label === this.best);
      value.textContent = percent(values[label]);
      fill.style.width = `${100 * values[label]}%`;
    });
    if (values.length > MOST) this.list.append(...order.slice(0, MOST).map((label) => this.bars[label].item));
    this.spoken = `${this.network.labels[this.best]} ${percent(values[this.best])}`;
  }

  // What the network sees of a crop; with Grad-CAM, the evidence for a class.
  async draw(image, crop, gradCam) {
    const label = this.label ?? this.best;
    const explained = gradCam && this.network.explains;
    this.bars.forEach(({ button }, each) => {
      button.setAttribute("aria-pressed", String(explained && each === label));
    });
    const wanted = new URLSearchParams({ run: this.number, crop, ...(explained ? { class: label } : {}) });
    await showPicture(this.view, `/images/${image}/view?${wanted}`);
    const name = this.network.labels[label];
    this.view.alt = explained
      ? `Where ${this.network.name} finds evidence for ${name}`
      : `The input of ${this.network.name}`;
    const size = this.network.size.join(" x ");
    this.caption.textContent = explained ? `evidence for ${name}` : `input, ${size}`;
  }
}
