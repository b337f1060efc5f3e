"use strict";
// JPEGs as training decodes them, which browsers do not: without colour profiles, with the arithmetic of libjpeg.
// The decoder is mozjpeg (@jsquash/jpeg, Apache License 2.0). This software is based in part on the work of the
// Independent JPEG Group.

// Size, channels and orientation (1 to 8) of a JPEG; null for what libjpeg would refuse, and other files.
function jpegHeader(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = { width: 0, height: 0, channels: 0, orientation: 1 };
  const exif = [];
  let xmp = "";
  const letters = (start, end) => new TextDecoder("latin1").decode(bytes.subarray(start, end));
  if (bytes.length < 4 || view.getUint16(0) !== 0xffd8) return null;
  for (let place = 2; ; ) {
    while (place < bytes.length && bytes[place] !== 0xff) place++;
    while (bytes[place] === 0xff) place++;
    const marker = bytes[place++];
    if (marker === 0x00 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue; // no segment follows
    if (place + 2 > bytes.length || marker === 0xd8 || marker === 0xd9) return null;
    const end = place + view.getUint16(place);
    if (end < place + 2 || end > bytes.length) return null;
    if (marker === 0xda) break; // the pixels
    if (marker >= 0xc0 && marker <= 0xc2) {
      if (end < place + 8 || found.width || bytes[place + 2] !== 8) return null;
      [found.height, found.width, found.channels] = [view.getUint16(place + 3), view.getUint16(place + 5), bytes[place + 7]];
    } else if (marker > 0xc2 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xcc) return null;
    if (marker === 0xe1 && letters(place + 2, place + 8) === "Exif\0\0") exif.push(bytes.subarray(place + 8, end));
    if (marker === 0xe1 && letters(place + 2, place + 31) === "http://ns.adobe.com/xap/1.0/\0") xmp = letters(place + 31, end);
    place = end;
  }
  if (!found.width || !found.height) return null;
  const said = exifOrientation(exif) ?? Number(/tiff:Orientation(?:="|>)([0-9])/.exec(xmp)?.[1]);
  if (said >= 1 && said <= 8) found.orientation = said;
  return found;
}

// The orientation in the parts of an EXIF block; null if there is none.
function exifOrientation(parts) {
  const block = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    block.set(part, end);
    end += part.length;
  }
  const view = new DataView(block.buffer);
  try {
    const little = view.getUint16(0) === 0x4949;
    const directory = view.getUint32(4, little);
    const count = view.getUint16(directory, little);
    for (let entry = directory + 2; entry < directory + 2 + 12 * count; entry += 12) {
      if (view.getUint16(entry, little) !== 0x0112) continue;
      return view.getUint16(entry + 2, little) === 3 ? view.getUint16(entry + 8, little) : view.getUint32(entry + 8, little);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // it ends too early
  }
  return null;
}

// Pixels of four bytes, turned by their orientation.
function upright({ data, width, height }, orientation) {
  if (orientation === 1) return new ImageData(data, width, height);
  const [wide, high] = orientation < 5 ? [width, height] : [height, width];
  const [across, down] = [[2, 3, 6, 7].includes(orientation), [3, 4, 7, 8].includes(orientation)];
  const [from, to] = [new Uint32Array(data.buffer), new Uint32Array(width * height)];
  for (let y = 0, place = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      const [column, row] = [across ? wide - 1 - x : x, down ? high - 1 - y : y];
      to[place++] = from[orientation < 5 ? row * width + column : column * width + row];
    }
  }
  return new ImageData(new Uint8ClampedArray(to.buffer), wide, high);
}

// A function that gives a JPEG's pixels as ImageData, and null for what it does not read: other formats, CMYK, damage.
async function jpegReader(binary, mostPixels) {
  const code = await WebAssembly.compile(binary);
  const noted = [];
  const options = {
    instantiateWasm: (imports, ready) => ready(new WebAssembly.Instance(code, imports)),
    locateFile: (name) => name,
    printErr: (line) => noted.push(line),
  };
  return async (bytes) => {
    const header = jpegHeader(bytes);
    if (!header) return null;
    if (header.width * header.height > mostPixels) throw new Error("too many pixels");
    if (header.channels !== 1 && header.channels !== 3) return null;
    noted.length = 0;
    try {
      const decoder = await mozjpeg({ ...options }); // a new one each time: it keeps the memory of its largest image
      const image = decoder.decode(bytes, false);
      return noted.some((line) => line.includes("remature end")) ? null : upright(image, header.orientation);
    } catch {
      return null; // it ends its program at what it cannot read
    }
  };
}
