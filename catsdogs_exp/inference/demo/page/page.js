// The page: takes a picture, asks while the crop box is dragged, and shows the answers.

import { Answers } from "/answers.js";
import { ask, askJson, latest, Refused, setToken, showPicture } from "/ask.js";
import { CropBox } from "/crop.js";
import { Layers } from "/layers.js";

const DETAILS = 250; // milliseconds between two drawings of evidence and activations
const SPOKEN = 700; // milliseconds of rest before the answer is read out

const byId = (id) => document.getElementById(id);
let about, answers, layers, image, again;

function complain(error) {
  if (error instanceof Refused && error.status === 401) {
    byId("locked").hidden = false;
    byId("main").hidden = true;
    byId("token").focus();
  }
  byId("problem").textContent = error instanceof Refused ? error.message : `The page has failed: ${error}`;
  byId("problem").hidden = false;
}

const calm = () => (byId("problem").hidden = true);

let speaking;
function speak() {
  clearTimeout(speaking);
  speaking = setTimeout(() => {
    const said = answers.map((each) => (answers.length > 1 ? `${each.network.name}: ` : "") + each.spoken);
    byId("spoken").textContent = `${said.join("; ")}. ${crop.text}`;
  }, SPOKEN);
}

function show(predictions) {
  predictions.forEach((each, number) => answers[number].show(each));
  speak();
}

const predict = latest(async () => {
  const [name, box] = [image, crop.query];
  try {
    const found = await askJson(`/images/${name}/predict?${new URLSearchParams({ crop: box })}`);
    if (name === image) show(found.predictions);
    calm();
  } catch (error) {
    await lost(error, name);
  }
});

const details = latest(async () => {
  const [name, box] = [image, crop.query];
  try {
    for (const each of answers) await each.draw(name, box, byId("grad-cam").checked);
    await layers.draw(name, box);
  } catch (error) {
    await lost(error, name);
  }
}, DETAILS);

// The server keeps a picture only for a while: then it is sent again.
async function lost(error, name) {
  if (name !== image) return;
  if (!(error instanceof Refused && error.status === 404 && again)) return complain(error);
  const send = again;
  again = null;
  try {
    const kept = await send();
    image = kept.id;
    again = send;
    predict();
    details();
  } catch (other) {
    complain(other);
  }
}

const crop = new CropBox(byId("canvas"), byId("crop"), () => {
  byId("box").value = crop.text;
  byId("reset").disabled = crop.whole;
  predict();
  details();
});

// Takes a picture from a function that sends it and returns what the server says of it.
async function open(send, alt) {
  document.body.classList.add("busy");
  try {
    const kept = await send();
    const before = image;
    image = kept.id;
    again = send;
    if (before) ask(`/images/${before}`, { method: "DELETE" }).catch(() => {});
    await showPicture(byId("picture"), `/images/${image}/picture`);
    byId("picture").alt = alt;
    byId("invitation").hidden = true;
    for (const id of ["canvas", "under"]) byId(id).hidden = false;
    byId("main").classList.remove("empty");
    byId("layers").hidden = !layers.exist;
    byId("answers").hidden = false;
    crop.start(kept.width, kept.height);
    byId("box").value = crop.text;
    byId("reset").disabled = true;
    answers.forEach((each) => (each.label = null));
    show(kept.predictions);
    calm();
    details();
  } catch (error) {
    complain(error);
  } finally {
    document.body.classList.remove("busy");
  }
}

function openFile(file) {
  if (!file) return;
  if (file.size > about.limits.bytes) {
    complain(new Refused(413, `The file is too large. At most ${about.limits.bytes / 1e6} MB are accepted.`));
    return;
  }
  open(() => askJson("/images", { method: "POST", body: file }), "Your picture");
}

function listen() {
  for (const id of ["file", "camera"]) {
    byId(id).addEventListener("change", (event) => {
      openFile(event.target.files[0]);
      event.target.value = "";
    });
  }
  const stage = byId("stage");
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      stage.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? stage.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("over");
    if (event.dataTransfer.files.length) openFile(event.dataTransfer.files[0]);
    else complain(new Refused(415, "Only files can be dropped here. Save the picture first, or copy and paste it."));
  });
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files][0];
    if (file) openFile(file);
  });
  byId("reset").addEventListener("click", () => crop.reset());
  byId("grad-cam").addEventListener("change", details);
}

async function fillExamples() {
  byId("examples").hidden = !about.examples.length;
  for (const [number, label] of about.examples.entries()) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    const picture = document.createElement("img");
    picture.alt = `Validation picture ${number + 1}: ${label}`;
    const name = document.createElement("span");
    name.textContent = label;
    button.append(picture, name);
    button.addEventListener("click", () => {
      open(() => askJson(`/examples/${number}`, { method: "POST" }), `Validation picture ${number + 1}: ${label}`);
    });
    item.append(button);
    byId("example-list").append(item);
    await showPicture(picture, `/examples/${number}/thumbnail`);
  }
}

async function begin() {
  try {
    about = await askJson("/about");
  } catch (error) {
    complain(error);
    if (error.status === 401 && !sessionStorage.length) calm();
    return;
  }
  const title = about.networks.map((each) => each.name).join(" and ");
  document.title = `${title}: demo`;
  byId("title").textContent = about.networks.length > 1 ? "Two runs" : title;
  byId("locked").hidden = true;
  byId("main").hidden = false;
  calm();
  answers = about.networks.map((each, number) => new Answers(each, number, byId("cards"), details));
  byId("grad-cam-choice").hidden = !about.networks.some((each) => each.explains);
  layers = new Layers(about, details);
  listen();
  await fillExamples().catch(complain);
}

byId("locked").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken(byId("token").value.trim());
  byId("token").value = "";
  begin();
});
begin();
