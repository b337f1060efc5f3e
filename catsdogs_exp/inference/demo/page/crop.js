// The crop box: drawn, moved and resized with a pointer or by keyboard; in whole pixels of the picture.

const LEAST = 8; // pixels of the picture per side
const STEP = 0.02; // of the picture's longer side, per key press

export class CropBox {
  constructor(canvas, box, changed) {
    this.canvas = canvas;
    this.box = box;
    this.changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    box.addEventListener("keydown", (event) => this.#key(event));
  }

  // A new picture, of this size in pixels.
  start(width, height) {
    this.width = width;
    this.height = height;
    this.canvas.style.setProperty("--ratio", width / height);
    this.#set(0, 0, width, height);
  }

  reset() {
    this.#set(0, 0, this.width, this.height);
    this.changed();
  }

  get whole() {
    return this.w === this.width && this.h === this.height;
  }

  get query() {
    return this.whole ? "" : `${this.x},${this.y},${this.w},${this.h}`;
  }

  get text() {
    if (this.whole) return `Whole picture, ${this.width} x ${this.height}`;
    return `${this.w} x ${this.h} at ${this.x}, ${this.y} of ${this.width} x ${this.height}`;
  }

  #set(x, y, w, h) {
    const least = (side) => Math.min(LEAST, side);
    this.w = Math.round(Math.min(Math.max(w, least(this.width)), this.width));
    this.h = Math.round(Math.min(Math.max(h, least(this.height)), this.height));
    this.x = Math.round(Math.min(Math.max(x, 0), this.width - this.w));
    this.y = Math.round(Math.min(Math.max(y, 0), this.height - this.h));
    const style = this.box.style;
    style.left = `${(100 * this.x) / this.width}%`;
    style.top = `${(100 * this.y) / this.height}%`;
    style.width = `${(100 * this.w) / this.width}%`;
    style.height = `${(100 * this.h) / this.height}%`;
    this.box.setAttribute("aria-label", `Crop box: ${this.text}`);
  }

  // A pointer's place in pixels of the picture.
  #place(event) {
    const frame = this.canvas.getBoundingClientRect();
    const within = (value, side) => Math.min(Math.max(value, 0), side);
    return [
      within(((event.clientX - frame.left) / frame.width) * this.width, this.width),
      within(((event.clientY - frame.top) / frame.height) * this.height, this.height),
    ];
  }

  #begin(event) {
    if (event.button || !event.isPrimary) return;
    event.preventDefault();
    this.box.focus({ preventScroll: true });
    const [x, y] = this.#place(event);
    const corner = event.target.dataset.corner;
    const inside = this.box.contains(event.target) && !this.whole;
    let move;
    if (corner) {
      const fixedX = corner.includes("w") ? this.x + this.w : this.x;
      const fixedY = corner.includes("n") ? this.y + this.h : this.y;
      move = ([nx, ny]) => this.#between(fixedX, fixedY, nx, ny);
    } else if (inside) {
      const [dx, dy] = [x - this.x, y - this.y];
      move = ([nx, ny]) => this.#set(nx - dx, ny - dy, this.w, this.h);
    } else {
      move = ([nx, ny]) => this.#between(x, y, nx, ny);
    }
    const drag = (later) => {
      if (later.pointerId !== event.pointerId) return;
      move(this.#place(later));
      this.changed();
    };
    const end = () => {
      for (const name of ["pointermove", "pointerup", "pointercancel"]) {
        this.canvas.removeEventListener(name, name === "pointermove" ? drag : end);
      }
    };
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.addEventListener("pointermove", drag);
    this.canvas.addEventListener("pointerup", end);
    this.canvas.addEventListener("pointercancel", end);
  }

  #between(ax, ay, bx, by) {
    this.#set(Math.min(ax, bx), Math.min(ay, by), Math.abs(ax - bx), Math.abs(ay - by));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = Math.max(1, Math.round(STEP * Math.max(this.width, this.height)));
    const [right, down] = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    }[event.key] ?? [0, 0];
    if (event.key === "Escape") this.#set(0, 0, this.width, this.height);
    else if (!right && !down) return;
    else if (event.shiftKey) this.#set(this.x, this.y, this.w + right, this.h + down);
    else if (this.whole) {
      // The whole picture has no room to move in: the first key draws a box in its middle.
      this.#set(this.width / 4, this.height / 4, this.width / 2, this.height / 2);
    } else this.#set(this.x + right, this.y + down, this.w, this.h);
    event.preventDefault();
    this.changed();
  }
}
