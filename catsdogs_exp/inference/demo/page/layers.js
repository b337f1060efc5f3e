// The activations, layer by layer, and a channel's entry in the atlas.

import { ask, askJson, showPicture } from "/ask.js";

const FEW = 64; // channels of a layer that are shown at first

const byId = (id) => document.getElementById(id);

export class Layers {
  constructor(about, redraw) {
    this.about = about;
    this.redraw = redraw;
    this.run = 0;
    this.layer = 0;
    this.all = false;
    this.canvases = [];
    const networks = about.networks;
    if (networks.length > 1) {
      byId("run-choice").hidden = false;
      this.#choices("run-choice", networks.map((each) => each.name), (number) => {
        this.run = number;
        this.#fill();
        redraw();
      });
    }
    byId("more").addEventListener("click", () => {
      this.all = true;
      this.#grid();
      redraw();
    });
    this.#fill();
  }

  get network() {
    return this.about.networks[this.run];
  }

  get exist() {
    return this.about.networks.some((each) => each.layers.length);
  }

  // A row of radio buttons.
  #choices(id, names, chosen) {
    const group = byId(id);
    for (const old of group.querySelectorAll("label")) old.remove();
    names.forEach((name, number) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      input.type = "radio";
      input.name = id;
      input.checked = number === 0;
      input.addEventListener("change", () => chosen(number));
      const text = document.createElement("span");
      text.textContent = name;
      label.append(input, text);
      group.append(label);
    });
  }

  #fill() {
    this.layer = 0;
    this.all = false;
    this.#choices("layer-choice", this.network.layers.map((each) => each.name), (number) => {
      this.layer = number;
      this.all = false;
      this.#grid();
      this.redraw();
    });
    this.#grid();
  }

  // Empty canvases for the channels of the chosen layer.
  #grid() {
    const layer = this.network.layers[this.layer];
    const parent = byId("channels");
    parent.replaceChildren();
    this.canvases = [];
    if (!layer) {
      byId("layer-facts").textContent = "The layers of this network cannot be told apart.";
      byId("more").hidden = true;
      return;
    }
    byId("layer-facts").textContent =
      `${layer.height} x ${layer.width}, ${layer.channels} channels. ` +
      "Bright: above the channel's mean. Select a channel for its map in full" +
      (this.network.atlas ? " and its entry in the atlas." : ".");
    const count = this.all ? layer.channels : Math.min(FEW, layer.channels);
    for (let channel = 0; channel < count; channel++) {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-label", `Channel ${channel} of ${layer.name}`);
      const canvas = document.createElement("canvas");
      const number = document.createElement("span");
      number.textContent = channel;
      button.append(canvas, number);
      button.addEventListener("click", () => this.#open(channel));
      parent.append(button);
      this.canvases.push(canvas);
    }
    byId("more").hidden = count === layer.channels;
    byId("more").textContent = `Show all ${layer.channels} channels`;
  }

  async draw(image, crop) {
    this.image = image;
    this.crop = crop;
    const layer = this.network.layers[this.layer];
    if (!layer) return;
    const canvases = this.canvases;
    const wanted = new URLSearchParams({ run: this.run, layer: this.layer, crop });
    const sheet = await createImageBitmap(await (await ask(`/images/${image}/layer?${wanted}`)).blob());
    const across = this.about.per_row;
    const width = sheet.width / across;
    const height = sheet.height / Math.ceil(layer.channels / across);
    canvases.forEach((canvas, channel) => {
      canvas.width = width;
      canvas.height = height;
      const [x, y] = [(channel % across) * width, Math.floor(channel / across) * height];
      canvas.getContext("2d").drawImage(sheet, x, y, width, height, 0, 0, width, height);
    });
    sheet.close();
  }

  async #open(channel) {
    const layer = this.network.layers[this.layer];
    const opened = (this.opened = {}); // the server may answer an earlier one later
    const isWanted = () => this.opened === opened;
    byId("channel-title").textContent = `${layer.name}, channel ${channel}`;
    byId("channel-facts").replaceChildren();
    byId("channel-patches").replaceChildren();
    byId("channel").showModal();
    const wanted = new URLSearchParams({ run: this.run, layer: this.layer, channel, crop: this.crop });
    const place = new URLSearchParams({ run: this.run, layer: layer.name, channel });
    byId("channel-picture").alt = `Activation of channel ${channel}, ${layer.height} x ${layer.width}`;
    try {
      await Promise.all([
        showPicture(byId("channel-picture"), `/images/${this.image}/layer?${wanted}`, isWanted),
        askJson(`/atlas?${place}`).then((facts) => isWanted() && this.#describe(facts)),
      ]);
    } catch (error) {
      if (isWanted()) byId("channel-facts").append(error.message);
    }
  }

  #describe({ atlas, entry }) {
    const say = (text, name = "") => {
      const line = document.createElement("p");
      line.textContent = text;
      line.className = name;
      byId("channel-facts").append(line);
    };
    const signed = (value) => (Math.abs(value) < 0.0005 ? "0.000" : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`);
    if (!atlas) {
      say("The run has no atlas. It is written by:");
      say("python -m catsdogs_exp atlas RUN", "code");
      return;
    }
    if (!entry) return say("The atlas does not cover this layer.");
    if (entry.dead) return say("Dead: its activation is the same for every image.");
    if (entry.part) say(`Detects ${entry.part}${entry.iou === null ? "" : ` (IoU ${entry.iou.toFixed(2)})`}`, "part");
    if (entry.use !== null) say(`Accuracy lost without it: ${entry.use.toFixed(3)}`);
    const lost = entry.lost.map(([name, value]) => `${name} ${signed(-value)}`).join(", ");
    if (lost) say(`Probability without it: ${lost}`);
    if (entry.top_class) say(`Strongest images: mostly ${entry.top_class}`);
    if (!entry.patches) say("Its patches are not in the atlas, which shows the channels that are used most.", "quiet");
    else {
      const title = document.createElement("p");
      title.className = "quiet";
      title.textContent = "Nine validation patches that excite it most, then three from the middle of its range:";
      const strip = document.createElement("img");
      strip.src = entry.patches;
      strip.alt = "Patches that excite this channel";
      byId("channel-patches").append(title, strip);
    }
  }
}
