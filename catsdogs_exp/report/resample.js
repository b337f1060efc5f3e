"use strict";
// Resizes as training did, to the bit: Pillow's antialiasing filters in two passes with rounding in between, in the
// fixed-point arithmetic of fast_image_resize (weights of 16 bits, as precise as the largest one allows).
const resample = (() => {
  const MOST_BITS = 21;
  const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  const rounded = (x) => Math.sign(x) * Math.floor(Math.abs(x) + 0.5); // half away from zero, as Rust rounds
  const filters = {
    bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
    bicubic: [2, (x) => {
      x = Math.abs(x);
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
    }],
    lanczos: [3, (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0)],
  };

  // For each pixel of the result: the first pixel that it is made of, and the weights as multiples of 1 / 2 ** bits.
  function weights(count, start, length, size, [reach, filter]) {
    const scale = length / size;
    const wide = Math.max(scale, 1);
    const exact = Array.from({ length: size }, (_, place) => {
      const centre = start + (place + 0.5) * scale;
      const first = Math.max(0, Math.floor(centre - reach * wide));
      const last = Math.min(count, Math.ceil(centre + reach * wide));
      const found = Array.from({ length: last - first }, (_, i) => filter((first + i - centre + 0.5) / wide));
      const sum = found.reduce((a, b) => a + b, 0);
      return [first, found.map((each) => each / sum)];
    });
    const largest = Math.max(...exact.map(([, found]) => Math.max(...found)));
    let bits = 0;
    while (bits < MOST_BITS && Math.round(largest * 2 ** (bits + 1)) < 2 ** 15) bits++;
    return [bits, exact.map(([first, found]) => [first, found.map((each) => rounded(each * 2 ** bits))])];
  }

  // One pass over an image of `channels` numbers per pixel; `step` and `lines` describe its other axis.
  function pass(image, along, start, length, size, filter) {
    const { data, width, height, channels } = image;
    const across = along === "x";
    const result = { width: across ? size : width, height: across ? height : size, channels };
    result.data = new Uint8ClampedArray(result.width * result.height * channels);
    const step = (across ? 1 : width) * channels;
    const [bits, all] = weights(across ? width : height, start, length, size, filter);
    for (const [place, [first, parts]] of all.entries()) {
      for (let line = 0; line < (across ? height : width); line++) {
        const from = (across ? line * width : line) * channels + first * step;
        const to = ((across ? line * size : place * width + line) + (across ? place : 0)) * channels;
        for (let channel = 0; channel < channels; channel++) {
          let sum = 2 ** (bits - 1);
          for (let i = 0; i < parts.length; i++) sum += parts[i] * data[from + i * step + channel];
          result.data[to + channel] = sum >> bits; // clamped when stored
        }
      }
    }
    return result;
  }

  function nearest(image, [left, top, width, height], [down, across]) {
    const { data, channels } = image;
    const result = { width: across, height: down, channels, data: new Uint8ClampedArray(down * across * channels) };
    for (let y = 0; y < down; y++) {
      const row = Math.min(image.height - 1, Math.floor(top + ((y + 0.5) * height) / down));
      for (let x = 0; x < across; x++) {
        const column = Math.min(image.width - 1, Math.floor(left + ((x + 0.5) * width) / across));
        for (let channel = 0; channel < channels; channel++) {
          result.data[(y * across + x) * channels + channel] = data[(row * image.width + column) * channels + channel];
        }
      }
    }
    return result;
  }

  // image: {data, width, height, channels}; box: left, top, width, height in its pixels; size: height, width.
  return (image, box, size, interpolation) => {
    const [left, top, width, height] = box;
    if (width === size[1] && height === size[0] && left === 0 && top === 0 && width === image.width && height === image.height) return image;
    if (interpolation === "nearest") return nearest(image, box, size);
    const filter = filters[interpolation];
    if (interpolation === "bilinear") {
      return pass(pass(image, "y", top, height, size[0], filter), "x", left, width, size[1], filter);
    }
    return pass(pass(image, "x", left, width, size[1], filter), "y", top, height, size[0], filter);
  };
})();

// An image, or a box of it, as the network takes it: stretched, cropped in the middle, or padded.
function prepared(image, [left, top, width, height], how) {
  const [down, across] = how.target_size;
  if (how.resize === "crop") {
    const wide = Math.min(width, (height * across) / down);
    const high = Math.min(height, (width * down) / across);
    return resample(image, [left + (width - wide) / 2, top + (height - high) / 2, wide, high], how.target_size, how.interpolation);
  }
  if (how.resize !== "pad") return resample(image, [left, top, width, height], how.target_size, how.interpolation);
  const even = (x) => (x % 1 === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)); // as Python rounds
  const factor = Math.min(down / height, across / width);
  const inner = [
    Math.min(down, Math.max(1, even(height * factor))),
    Math.min(across, Math.max(1, even(width * factor))),
  ];
  const fitted = resample(image, [left, top, width, height], inner, how.interpolation);
  const { channels } = image;
  const result = { width: across, height: down, channels, data: new Uint8ClampedArray(down * across * channels) };
  result.data.fill(even(how.pad_value));
  const above = Math.floor((down - inner[0]) / 2);
  const before = Math.floor((across - inner[1]) / 2);
  for (let y = 0; y < inner[0]; y++) {
    const row = fitted.data.subarray(y * inner[1] * channels, (y + 1) * inner[1] * channels);
    result.data.set(row, ((above + y) * across + before) * channels);
  }
  return result;
}
