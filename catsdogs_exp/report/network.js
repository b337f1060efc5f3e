"use strict";
// The page of an exported network: a photo in, probabilities out, all in the browser.
(async () => {
  const at = (id) => document.getElementById(id);
  const settings = JSON.parse(at("settings").textContent);
  const how = settings.preparation;
  const canvas = at("canvas");
  const pen = canvas.getContext("2d");
  const status = at("status");
  const rows = [...document.querySelectorAll("#answers tbody tr")];
  const SMALLEST = 8; // pixels of a crop box
  const SHOWN = 10; // of many classes, the most probable ones
  let photo = null; // {picture, pixels}
  let box = null; // left, top, width, height in the photo's pixels; null: all of it
  let heat = null; // a map to draw over the photo
  let readJpeg = null;
  let asked = 0; // what is slow stops when something else is asked

  function bytes(id) {
    const text = atob(at(id).textContent);
    at(id).remove();
    const found = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) found[i] = text.charCodeAt(i);
    return found.buffer;
  }

  async function load() {
    const of = (id) => `data:application/wasm;base64,${at(id).textContent}`;
    tf.wasm.setWasmPaths({
      "tfjs-backend-wasm.wasm": of("plain"),
      "tfjs-backend-wasm-simd.wasm": of("simd"),
      "tfjs-backend-wasm-threaded-simd.wasm": of("simd"),
    });
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false); // threads need a server that sends headers
    await tf.setBackend("wasm");
    readJpeg = await jpegReader(bytes("jpeg"), settings.most_pixels);
    const { topology, specs, input, output } = settings.graph;
    const signature = { inputs: { images: { name: input } }, outputs: { probabilities: { name: output } } };
    const parts = { modelTopology: topology, weightSpecs: specs, weightData: bytes("weights"), signature };
    const network = await tf.loadGraphModel(tf.io.fromMemory(parts));
    return (image) => {
      const numbers = Float32Array.from(image.data);
      const found = tf.tidy(() => {
        const pixels = tf.tensor(numbers, [1, image.height, image.width, image.channels]);
        return network.execute({ [input]: pixels }, output).dataSync();
      });
      return Array.from(found);
    };
  }

  // A picture, and its colours with their opacity: upright, without colour management. What is no ordinary JPEG, the
  // browser decodes.
  async function decoded(file) {
    const start = new Uint8Array(await file.slice(0, 2).arrayBuffer());
    if (start[0] === 0xff && start[1] === 0xd8) {
      const image = await readJpeg(new Uint8Array(await file.arrayBuffer()));
      if (image) return [await createImageBitmap(image), image];
    }
    const picture = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    const { width, height } = picture;
    const paper = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    paper.drawImage(picture, 0, 0);
    return [picture, paper.getImageData(0, 0, width, height)];
  }

  // The file's own pixels, on white where it is transparent.
  async function pixelsOf(file) {
    const [picture, { data, width, height }] = await decoded(file);
    const pixels = new Uint8ClampedArray(width * height * 3);
    for (let from = 0, to = 0; from < data.length; from += 4) {
      const alpha = data[from + 3] / 255;
      for (let i = 0; i < 3; i++) pixels[to++] = alpha * data[from + i] + 255 * (1 - alpha);
    }
    return { picture, pixels: { data: pixels, width, height, channels: 3 } };
  }

  const region = () => box ?? [0, 0, photo.pixels.width, photo.pixels.height];

  function input() {
    const image = prepared(photo.pixels, region(), how);
    if (how.channels === 3) return image;
    const grey = { ...image, channels: 1, data: new Uint8ClampedArray(image.width * image.height) };
    for (let i = 0; i < grey.data.length; i++) {
      const [r, g, b] = image.data.subarray(3 * i, 3 * i + 3);
      grey.data[i] = (r * 19595 + g * 38470 + b * 7471 + 32768) >> 16;
    }
    return grey;
  }

  function answer() {
    asked++;
    heat = null;
    at("explained").hidden = true;
    const started = performance.now();
    const found = ask(input());
    const spent = performance.now() - started;
    at("answers").dataset.milliseconds = Number(at("answers").dataset.milliseconds ?? 0) + spent;
    const best = found.indexOf(Math.max(...found));
    const least = [...found].sort((a, b) => b - a)[Math.min(SHOWN, found.length) - 1];
    for (const [place, row] of rows.entries()) {
      const [, number, bar] = row.children;
      number.textContent = found[place].toFixed(3);
      bar.firstChild.value = found[place];
      row.classList.toggle("marked", place === best);
      row.hidden = found[place] < least;
    }
    status.textContent = `${settings.classes[best]}: ${found[best].toFixed(3)} (${Math.round(spent)} ms)`;
    for (const id of ["answers", "tools"]) at(id).hidden = false;
    at("uncrop").disabled = box === null;
    draw();
    return found;
  }

  function draw() {
    const { picture, pixels } = photo;
    const scale = Math.min(1, 640 / Math.max(pixels.width, pixels.height));
    canvas.width = Math.max(1, Math.round(pixels.width * scale));
    canvas.height = Math.max(1, Math.round(pixels.height * scale));
    canvas.hidden = false;
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const [left, top, width, height] = region().map((each) => each * scale);
    if (heat) {
      pen.imageSmoothingEnabled = true;
      pen.drawImage(heat, left, top, width, height);
    }
    if (!box) return;
    pen.fillStyle = "rgb(0 0 0 / 55%)";
    pen.beginPath();
    pen.rect(0, 0, canvas.width, canvas.height);
    pen.rect(left, top, width, height);
    pen.fill("evenodd");
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2;
    pen.strokeRect(left, top, width, height);
  }

  async function open(file) {
    if (!file || !ask) return;
    try {
      photo = await pixelsOf(file);
    } catch {
      status.textContent = `${file.name || "This"} is not a picture that this browser can read.`;
      return;
    }
    box = null;
    answer();
  }

  // Occlusion: how much the probability of the answer falls when a grey square hides a part (Zeiler and Fergus, 2014).
  async function explain() {
    const image = input();
    const found = ask(image);
    const best = found.indexOf(Math.max(...found));
    const mine = ++asked;
    const count = 12;
    const side = [Math.ceil(image.height / 5), Math.ceil(image.width / 5)];
    const sums = new Float32Array(count * count);
    const ends = (place, length, hidden) => Math.round((place * (length - hidden)) / (count - 1));
    for (let y = 0; y < count; y++) {
      for (let x = 0; x < count; x++) {
        const hidden = { ...image, data: image.data.slice() };
        const [top, left] = [ends(y, image.height, side[0]), ends(x, image.width, side[1])];
        for (let row = top; row < top + side[0]; row++) {
          const start = (row * image.width + left) * image.channels;
          hidden.data.fill(128, start, start + side[1] * image.channels);
        }
        sums[y * count + x] = Math.max(0, found[best] - ask(hidden)[best]);
      }
      status.textContent = `Hiding one part at a time: ${y + 1} of ${count} rows`;
      await new Promise((next) => setTimeout(next));
      if (mine !== asked) return;
    }
    const largest = Math.max(...sums);
    const small = new OffscreenCanvas(count, count);
    const map = new ImageData(count, count);
    for (const [place, value] of sums.entries()) {
      map.data.set([255, 90, 0, largest > 0 ? (200 * value) / largest : 0], 4 * place);
    }
    small.getContext("2d").putImageData(map, 0, 0);
    heat = small;
    const name = settings.classes[best];
    status.textContent = `${name}: ${found[best].toFixed(3)}`;
    at("explained").textContent = `Orange: where a grey square of a fifth of the side lowers the probability of ${name} most, by up to ${largest.toFixed(3)}.`;
    at("explained").hidden = false;
    draw();
  }

  function crop(next) {
    const { width, height } = photo.pixels;
    if (next) {
      const wide = Math.min(Math.max(next[2], SMALLEST), width);
      const high = Math.min(Math.max(next[3], SMALLEST), height);
      const left = Math.min(Math.max(next[0], 0), width - wide);
      const top = Math.min(Math.max(next[1], 0), height - high);
      next = wide === width && high === height ? null : [left, top, wide, high];
    }
    box = next;
    answer();
  }

  // A pointer draws a new box, or moves the box that it starts in.
  let from = null;
  const place = (event) => {
    const area = canvas.getBoundingClientRect();
    return [
      ((event.clientX - area.left) / area.width) * photo.pixels.width,
      ((event.clientY - area.top) / area.height) * photo.pixels.height,
    ];
  };
  canvas.addEventListener("pointerdown", (event) => {
    const [x, y] = place(event);
    const inside = box && x > box[0] && x < box[0] + box[2] && y > box[1] && y < box[1] + box[3];
    from = { x, y, box: inside ? box : null };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x, y] = place(event);
    if (from.box) {
      crop([from.box[0] + x - from.x, from.box[1] + y - from.y, from.box[2], from.box[3]]);
    } else if (Math.max(Math.abs(x - from.x), Math.abs(y - from.y)) >= SMALLEST) {
      const clipped = [Math.min(Math.max(x, 0), photo.pixels.width), Math.min(Math.max(y, 0), photo.pixels.height)];
      crop([Math.min(from.x, clipped[0]), Math.min(from.y, clipped[1]), Math.abs(clipped[0] - from.x), Math.abs(clipped[1] - from.y)]);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (from = null));
  canvas.addEventListener("keydown", (event) => {
    const [left, top, width, height] = region();
    const step = Math.max(1, Math.round(Math.min(photo.pixels.width, photo.pixels.height) / 20));
    const next = {
      ArrowLeft: [left - step, top, width, height],
      ArrowRight: [left + step, top, width, height],
      ArrowUp: [left, top - step, width, height],
      ArrowDown: [left, top + step, width, height],
      "-": [left + step / 2, top + step / 2, width - step, height - step],
      "+": [left - step / 2, top - step / 2, width + step, height + step],
      Escape: null,
    };
    if (!(event.key in next)) return;
    event.preventDefault();
    crop(next[event.key]);
  });

  at("file").addEventListener("change", (event) => open(event.target.files[0]));
  at("uncrop").addEventListener("click", () => crop(null));
  at("explain").addEventListener("click", explain);
  addEventListener("paste", (event) => open([...event.clipboardData.files][0]));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    at("drop").classList.add("over");
  });
  addEventListener("dragleave", () => at("drop").classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    at("drop").classList.remove("over");
    open(event.dataTransfer.files[0]);
  });

  let ask = null;
  try {
    ask = await load();
    const [height, width] = how.target_size; // the first answer takes longer: it compiles
    ask({ data: new Uint8ClampedArray(height * width * how.channels), width, height, channels: how.channels });
    status.textContent = "The network is ready.";
  } catch (error) {
    status.textContent = `The network does not run in this browser: ${error.message}`;
  }
})();
